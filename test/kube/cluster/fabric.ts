// A cluster's network: a switch namespace with a bridge to which the control plane and every node are connected, and a
// world behind it. The switch is the nodes' default gateway. It knows no pod range: only the nodes themselves can
// deliver packets between pods.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { NetworkNamespace } from '../../../src/kernel/namespace.ts';
import { addAddress, delAddress, listAddresses } from '../../../src/kernel/netlink/address.ts';
import { addBridge } from '../../../src/kernel/netlink/bridge.ts';
import { delLink, linkByName, setLink } from '../../../src/kernel/netlink/link.ts';
import { replaceRoute } from '../../../src/kernel/netlink/route.ts';
import { NetlinkSocket } from '../../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../../src/kernel/netlink/veth.ts';
import { type Address, addressFamily, parseAddress } from '../../../src/net/address.ts';
import type { IfIndex } from '../../../src/net/if-index.ts';
import { type Mac, macFromBytes } from '../../../src/net/mac.ts';
import { type Prefix, parsePrefix } from '../../../src/net/prefix.ts';
import { type ClusterPaths, clusterNamespacePath } from './paths.ts';

type DualAddress = readonly [Address, Address];

const gateways = dual('10.200.0.1', 'fd00:200::1');
const worldGateways = dual('203.0.113.1', '2001:db8:113::1');

/** An outside host, behind the switch. */
export const worldAddresses: DualAddress = dual('203.0.113.10', '2001:db8:113::10');
export const controlPlaneAddresses: DualAddress = dual('10.200.0.10', 'fd00:200::10');

/** The addresses a new node gets: 10.200.0.11 and fd00:200::11 for the first. */
export function addressesOfNewNode(number: number): DualAddress {
  return dual(`10.200.0.${10 + number}`, `fd00:200::${10 + number}`);
}

const uplink = 'eth0';
const bridge = 'fabric';
// The defaults of `ip route add`: main table, protocol boot.
const staticRoute = { type: 'unicast', protocol: 3, table: 254 } as const;

/** Creates the switch and the world. */
export function buildFabric(paths: ClusterPaths): void {
  mkdirSync(paths.namespaces, { recursive: true });
  using fabric = makeRoom(clusterNamespacePath(paths, 'switch'));
  allowForwarding(fabric.namespace);
  addBridge(fabric.socket, { name: bridge, up: true });
  giveAddresses(fabric.socket, bridge, gateways);
  using outside = makeRoom(clusterNamespacePath(paths, 'world'));
  const peer = { name: uplink, namespace: outside.namespace };
  addVeth(fabric.socket, { name: 'world', up: true, peer });
  giveAddresses(fabric.socket, 'world', worldGateways);
  connect(outside.socket, worldAddresses, worldGateways);
}

/** Creates a namespace on the switch; `name` is the name of the namespace and of the switch port. */
export function plug(paths: ClusterPaths, name: string, addresses: DualAddress): void {
  using fabric = enterRoom(clusterNamespacePath(paths, 'switch'));
  using room = makeRoom(clusterNamespacePath(paths, name));
  allowForwarding(room.namespace);
  const port = portName(name);
  addVeth(fabric.socket, {
    name: port,
    up: true,
    peer: { name: uplink, namespace: room.namespace, mac: macOf(name) },
  });
  setLink(fabric.socket, {
    ifIndex: indexOf(fabric.socket, port),
    master: indexOf(fabric.socket, bridge),
  });
  connect(room.socket, addresses, gateways);
}

/** Disconnects a namespace and removes its name; the namespace itself ends with its last process. */
export function unplug(paths: ClusterPaths, name: string): void {
  using fabric = enterRoom(clusterNamespacePath(paths, 'switch'));
  delLink(fabric.socket, indexOf(fabric.socket, portName(name)));
  NetworkNamespace.remove(clusterNamespacePath(paths, name));
}

/** Replaces the uplink's addresses. */
export function readdress(paths: ClusterPaths, name: string, addresses: DualAddress): void {
  using room = enterRoom(clusterNamespacePath(paths, name));
  const ifIndex = indexOf(room.socket, uplink);
  const had = listAddresses(room.socket).filter((each) => each.ifIndex === ifIndex);
  for (const { address, prefixLength, scope } of had) {
    if (scope === 'link') continue;
    delAddress(room.socket, { ifIndex, address, prefixLength });
  }
  connect(room.socket, addresses, gateways);
}

/** `ip route replace DESTINATION via GATEWAY` in a namespace of the cluster. */
export function routeVia(
  paths: ClusterPaths,
  name: string,
  route: { readonly destination: Prefix; readonly gateway: Address },
): void {
  using room = enterRoom(clusterNamespacePath(paths, name));
  replaceRoute(room.socket, { ...staticRoute, ...route });
}

interface Room extends Disposable {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
}

function makeRoom(path: string): Room {
  const room = asRoom(NetworkNamespace.create(path));
  // Every address here is unique, so the wait for each of them is not needed (RFC 4862 section 5.4).
  room.namespace.run(() => writeFileSync('/proc/sys/net/ipv6/conf/default/accept_dad', '0'));
  setLink(room.socket, { ifIndex: indexOf(room.socket, 'lo'), up: true });
  return room;
}

function enterRoom(path: string): Room {
  return asRoom(NetworkNamespace.open(path));
}

function asRoom(namespace: NetworkNamespace): Room {
  const socket = NetlinkSocket.open({ namespace });
  return {
    namespace,
    socket,
    [Symbol.dispose](): void {
      socket[Symbol.dispose]();
      namespace[Symbol.dispose]();
    },
  };
}

function allowForwarding(namespace: NetworkNamespace): void {
  namespace.run(() => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  });
}

function connect(socket: NetlinkSocket, addresses: DualAddress, via: DualAddress): void {
  setLink(socket, { ifIndex: indexOf(socket, uplink), up: true });
  giveAddresses(socket, uplink, addresses);
  for (const gateway of via) {
    const destination = parsePrefix(addressFamily(gateway) === 4 ? '0.0.0.0/0' : '::/0');
    replaceRoute(socket, { ...staticRoute, destination, gateway });
  }
}

function giveAddresses(socket: NetlinkSocket, name: string, addresses: DualAddress): void {
  const ifIndex = indexOf(socket, name);
  for (const address of addresses) {
    const prefixLength = addressFamily(address) === 4 ? 24 : 64;
    addAddress(socket, { ifIndex, address, prefixLength, noDad: true });
  }
}

function indexOf(socket: NetlinkSocket, name: string): IfIndex {
  const link = linkByName(socket, name);
  if (link === undefined) throw new Error(`link ${name} is missing in a namespace of the cluster`);
  return link.ifIndex;
}

// The same after a reboot, as on a real machine; otherwise neighbours would keep using the old one.
function macOf(name: string): Mac {
  const digest = createHash('sha256').update(name).digest();
  return macFromBytes(Uint8Array.of(0x02, ...digest.subarray(0, 5)));
}

// A link's name has at most 15 characters; `control-plane` has 13.
function portName(name: string): string {
  return name.slice(0, 15);
}

function dual(ipv4: string, ipv6: string): DualAddress {
  return [parseAddress(ipv4), parseAddress(ipv6)];
}

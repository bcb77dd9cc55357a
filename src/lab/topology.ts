// Builds a lab's network: a switch namespace with a bridge for every node's eth0, and a world namespace behind it. The
// switch also routes: it is the nodes' default gateway, has routes to every pod range, and leads to the world. Every
// link is created inside the lab's namespaces, never in the host's.

import { mkdirSync, writeFileSync } from 'node:fs';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { addAddress } from '../kernel/netlink/address.ts';
import { addBridge } from '../kernel/netlink/bridge.ts';
import { linkByName, setLink } from '../kernel/netlink/link.ts';
import { replaceRoute } from '../kernel/netlink/route.ts';
import { mainTable } from '../kernel/netlink/route-record.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { addVeth } from '../kernel/netlink/veth.ts';
import type { Address } from '../net/address.ts';
import { addressFamily } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import { parsePrefix, prefixFamily, prefixLength } from '../net/prefix.ts';
import type { Fabric, LabNode, World } from './nodes.ts';
import { type LabPaths, labNamespacePath } from './paths.ts';

export interface TopologyPlan {
  readonly nodes: readonly LabNode[];
  readonly fabrics: readonly Fabric[];
  readonly world: World;
}

/** Name of the uplink in every node. */
export const uplinkName = 'eth0';
const bridgeName = 'fabric';
// As `ip route add` without options: main table, protocol boot.
const staticRoute = { type: 'unicast', protocol: 3, table: mainTable } as const;

/** Creates all namespaces except those of pods. On an error, removeLab cleans up. */
export function buildTopology(paths: LabPaths, plan: TopologyPlan): void {
  mkdirSync(paths.namespaces, { recursive: true });
  using fabric = enter(NetworkNamespace.create(labNamespacePath(paths, 'switch')));
  const bridge = buildSwitch(fabric, plan.fabrics);
  buildWorld(fabric, paths, plan.world);
  for (const [index, node] of plan.nodes.entries()) {
    plugNode(fabric, { paths, node, bridge, port: `port${index + 1}`, fabrics: plan.fabrics });
  }
}

/** The loopback device is down in a new namespace. Runtimes set it up for every pod. */
export function bringLoopbackUp(namespace: NetworkNamespace): void {
  using socket = NetlinkSocket.open({ namespace });
  setLink(socket, { ifIndex: indexOf(socket, 'lo'), up: true });
}

interface Room extends Disposable {
  readonly namespace: NetworkNamespace;
  readonly socket: NetlinkSocket;
}

function enter(namespace: NetworkNamespace): Room {
  // Addresses are unique here, so duplicate address detection (RFC 4862 section 5.4) would only cost a second per link.
  namespace.run(() => writeFileSync('/proc/sys/net/ipv6/conf/default/accept_dad', '0'));
  const socket = NetlinkSocket.open({ namespace });
  setLink(socket, { ifIndex: indexOf(socket, 'lo'), up: true });
  return {
    namespace,
    socket,
    [Symbol.dispose](): void {
      socket[Symbol.dispose]();
      namespace[Symbol.dispose]();
    },
  };
}

function buildSwitch({ namespace, socket }: Room, fabrics: readonly Fabric[]): IfIndex {
  namespace.run(() => {
    writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
    writeFileSync('/proc/sys/net/ipv6/conf/all/forwarding', '1');
  });
  addBridge(socket, { name: bridgeName, up: true });
  const bridge = indexOf(socket, bridgeName);
  for (const { prefix, gateway } of fabrics) {
    addAddress(socket, {
      ifIndex: bridge,
      address: gateway,
      prefixLength: prefixLength(prefix),
      noDad: true,
    });
  }
  return bridge;
}

function buildWorld(fabric: Room, paths: LabPaths, world: World): void {
  using outside = enter(NetworkNamespace.create(labNamespacePath(paths, 'world')));
  addVeth(fabric.socket, {
    name: 'world',
    up: true,
    peer: { name: uplinkName, namespace: outside.namespace },
  });
  const inner = indexOf(fabric.socket, 'world');
  const outer = indexOf(outside.socket, uplinkName);
  setLink(outside.socket, { ifIndex: outer, up: true });
  for (const { own, gateway, prefix } of world.addresses) {
    const length = prefixLength(prefix);
    addAddress(fabric.socket, {
      ifIndex: inner,
      address: gateway,
      prefixLength: length,
      noDad: true,
    });
    addAddress(outside.socket, { ifIndex: outer, address: own, prefixLength: length, noDad: true });
    addDefaultRoute(outside.socket, gateway);
  }
}

interface Plug {
  readonly paths: LabPaths;
  readonly node: LabNode;
  readonly bridge: IfIndex;
  readonly port: string;
  readonly fabrics: readonly Fabric[];
}

function plugNode(fabric: Room, { paths, node, bridge, port, fabrics }: Plug): void {
  using room = enter(NetworkNamespace.create(labNamespacePath(paths, 'node', node.name)));
  addVeth(fabric.socket, {
    name: port,
    up: true,
    peer: { name: uplinkName, namespace: room.namespace },
  });
  setLink(fabric.socket, { ifIndex: indexOf(fabric.socket, port), master: bridge });
  const uplink = indexOf(room.socket, uplinkName);
  setLink(room.socket, { ifIndex: uplink, up: true });
  for (const { prefix, gateway } of fabrics) {
    const address = node.addresses.find((own) => prefixFamily(prefix) === addressFamily(own));
    if (address === undefined) continue;
    addAddress(room.socket, {
      ifIndex: uplink,
      address,
      prefixLength: prefixLength(prefix),
      noDad: true,
    });
    addDefaultRoute(room.socket, gateway);
    routePods(fabric.socket, node, address);
  }
}

// A fabric that knows the pod ranges: without masquerading, pods' own addresses work as sources towards the world.
function routePods(socket: NetlinkSocket, node: LabNode, gateway: Address): void {
  for (const destination of node.podCidrs) {
    if (prefixFamily(destination) !== addressFamily(gateway)) continue;
    replaceRoute(socket, { ...staticRoute, destination, gateway });
  }
}

function addDefaultRoute(socket: NetlinkSocket, gateway: Address): void {
  const destination = parsePrefix(addressFamily(gateway) === 4 ? '0.0.0.0/0' : '::/0');
  replaceRoute(socket, { ...staticRoute, destination, gateway });
}

function indexOf(socket: NetlinkSocket, name: string): IfIndex {
  const link = linkByName(socket, name);
  if (link === undefined) throw new Error(`link ${name} is missing in a namespace of the lab`);
  return link.ifIndex;
}

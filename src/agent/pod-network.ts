// A pod's interface in the kernel: a veth whose one end is the pod's, with the addresses, the gateway and the settings
// that belong to it. Routes and neighbours on the node's side are tables of the data path.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { CniError, cniErrorCode } from '../cni/error.ts';
import { isKernelError } from '../kernel/errno.ts';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { addAddress } from '../kernel/netlink/address.ts';
import { batch, throwFirst } from '../kernel/netlink/batch.ts';
import { linkByName, setLink } from '../kernel/netlink/link.ts';
import { replaceNeighbour } from '../kernel/netlink/neighbour.ts';
import { addRoute } from '../kernel/netlink/route.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { addVeth } from '../kernel/netlink/veth.ts';
import { sysctlFile, writeSysctl } from '../kernel/sysctl.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { addressFamily } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import { familyBits } from '../net/prefix.ts';
import type { EndpointRecord, EndpointReservation } from './endpoint-record.ts';
import { LinkRemoval } from './link-removal.ts';
import { podDifferences } from './pod-differences.ts';
import { gatewayMac, podDefaultRoute, podGateways } from './pod-gateway.ts';
import { shapeLink } from './pod-shaping.ts';
import { silence } from './pod-silence.ts';
import type { PodNamespace, PodWiring } from './pod-wiring.ts';
import { loopbackDifferences, routeLocalnet, routesLoopback } from './route-localnet.ts';

const loopback = 1 as IfIndex;
// By then most runtimes have ended the pod's namespace, which deletes its interfaces too.
const removalDelayMs = 500;

/** Works in the namespace it was made for, the node's own; keeps a socket open there. */
export class PodNetwork implements PodWiring, Disposable {
  readonly #node: NetworkNamespace;
  readonly #socket: NetlinkSocket;
  readonly #removal: LinkRemoval;
  readonly #removeLater: boolean;

  /** `node`: the namespace of the node, which this takes over; the thread's own unless given. `removeLater`: a pod's DEL
   * does not wait until the kernel has deleted what nothing can pass any more. */
  constructor(
    node: NetworkNamespace = NetworkNamespace.current(),
    { removeLater = false }: { readonly removeLater?: boolean } = {},
  ) {
    this.#node = node;
    this.#socket = NetlinkSocket.open({ namespace: node });
    this.#removal = new LinkRemoval(this.#socket, removalDelayMs);
    this.#removeLater = removeLater;
    this.#removal.finishEarlier();
  }

  open(namespacePath: string): PodNamespace {
    const namespace = openNamespace(namespacePath);
    try {
      if (namespace.inode() === this.#node.inode()) {
        throw new CniError(
          cniErrorCode.invalidNamespace,
          `${namespacePath} is the network namespace of the node itself`,
          { details: 'a container in the network of its host needs no CNI' },
        );
      }
      return new OpenPod({ node: this.#node, nodeSocket: this.#socket, namespace });
    } catch (error) {
      namespace[Symbol.dispose]();
      throw error;
    }
  }

  hostIfIndex(hostIfName: string): IfIndex | undefined {
    return linkByName(this.#socket, hostIfName)?.ifIndex;
  }

  async unwire(hostIfName: string, record?: EndpointRecord): Promise<void> {
    const host = linkByName(this.#socket, hostIfName);
    if (host === undefined) return;
    const isSilent =
      this.#removeLater && record !== undefined && silence(this.#socket, host, record);
    if (isSilent) this.#removal.removeSoon();
    else await this.#removal.remove(host.ifIndex);
  }

  [Symbol.dispose](): void {
    this.#removal[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
    this.#node[Symbol.dispose]();
  }
}

interface PodParts {
  readonly node: NetworkNamespace;
  readonly nodeSocket: NetlinkSocket;
  readonly namespace: NetworkNamespace;
}

class OpenPod implements PodNamespace {
  readonly #parts: PodParts;
  readonly #socket: NetlinkSocket;

  constructor(parts: PodParts) {
    this.#parts = parts;
    this.#socket = NetlinkSocket.open({ namespace: parts.namespace });
  }

  hasInterface(name: string): boolean {
    return linkByName(this.#socket, name) !== undefined;
  }

  wire(reservation: EndpointReservation): IfIndex {
    const { hostIfName, ifName, mac, mtuBytes, addresses, bandwidth } = reservation;
    const { node, nodeSocket, namespace } = this.#parts;
    // Both ends down: settings that count when a link comes up go before.
    addVeth(nodeSocket, {
      name: hostIfName,
      mac: gatewayMac,
      mtuBytes,
      peer: { name: ifName, namespace, mac, mtuBytes },
    });
    const host = linkByName(nodeSocket, hostIfName);
    if (host?.peerIfIndex === undefined) {
      throw new Error(`veth ${hostIfName}: it vanished while it was set up`);
    }
    const hasIpv6 = addresses.some((address) => addressFamily(address) === 6);
    node.run(() => setIpv6(hostIfName, hasIpv6));
    if (routesLoopback(reservation)) node.run(() => writeSysctl(routeLocalnet(hostIfName), '1'));
    namespace.run(() => setIpv6(ifName, hasIpv6));
    const { ingress } = bandwidth ?? {};
    const { ifIndex } = host;
    const outcomes = batch(nodeSocket, (requests) => {
      shapeLink(requests, { ifIndex, mtuBytes, limit: ingress });
      setLink(requests, { ifIndex, up: true });
    });
    throwFirst(outcomes);
    this.#configure(reservation, host.peerIfIndex);
    return ifIndex;
  }

  differences(endpoint: LocalEndpoint): readonly string[] {
    const { node, nodeSocket } = this.#parts;
    return [
      ...podDifferences(endpoint, { node: nodeSocket, pod: this.#socket }),
      ...node.run(() => loopbackDifferences(endpoint)),
    ];
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
    this.#parts.namespace[Symbol.dispose]();
  }

  #configure({ addresses, mtuBytes, bandwidth }: EndpointReservation, ifIndex: IfIndex): void {
    const outcomes = batch(this.#socket, (requests) => {
      shapeLink(requests, { ifIndex, mtuBytes, limit: bandwidth?.egress });
      setLink(requests, { ifIndex: loopback, up: true });
      setLink(requests, { ifIndex, up: true });
      for (const address of addresses) {
        const family = addressFamily(address);
        const gateway = podGateways[family];
        const prefixLength = familyBits(family);
        addAddress(requests, { ifIndex, address, prefixLength, noDad: family === 6 });
        replaceNeighbour(requests, {
          ifIndex,
          address: gateway,
          mac: gatewayMac,
          state: 'permanent',
        });
        // Not `replace`: a default route that is there leads through an interface of someone else's.
        addRoute(requests, podDefaultRoute(family, ifIndex));
      }
    });
    throwFirst(outcomes);
  }
}

function openNamespace(path: string): NetworkNamespace {
  try {
    return NetworkNamespace.open(path);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    throw new CniError(cniErrorCode.invalidNamespace, `CNI_NETNS: ${error.message}`, {
      cause: error,
    });
  }
}

// Runs in the interface's namespace. No link-local address (the gateway's is the only one that counts, and its MAC is
// known), no autoconfiguration, no wait for duplicates of an address that is the pod's alone.
function setIpv6(ifName: string, hasIpv6: boolean): void {
  const settings = sysctlFile(`net/ipv6/conf/${ifName}`);
  // A kernel started without IPv6 has none of these.
  if (!hasIpv6 && !existsSync(settings)) return;
  // Some runtimes and hardened hosts turn it off for every new interface.
  const isOff = readFileSync(`${settings}/disable_ipv6`, 'utf8').trim() === '1';
  if (hasIpv6 && isOff) writeFileSync(`${settings}/disable_ipv6`, '0');
  writeFileSync(`${settings}/addr_gen_mode`, '1');
  writeFileSync(`${settings}/accept_ra`, '0');
  writeFileSync(`${settings}/accept_dad`, '0');
}

// A pod's interface in the kernel: a veth with one end in the pod, with its addresses, gateway and settings. Routes and
// neighbours on the node's side are tables of the data path.

import { CniError, cniErrorCode } from '../../cni/error.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { NetworkNamespace } from '../../kernel/namespace.ts';
import { batch, batchAside, throwFirst } from '../../kernel/netlink/batch.ts';
import { type ConfiguredLink, readConfiguredLink } from '../../kernel/netlink/devconf.ts';
import {
  delLinkAsync,
  linkByIndex,
  linkByName,
  listLinks,
  setLink,
} from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import type { Outcomes, RequestSink } from '../../kernel/netlink/protocol/request.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { makeVeth, makeVethAside } from '../../kernel/netlink/veth.ts';
import { writeSysctl } from '../../kernel/sysctl.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { type EndpointRecord, type EndpointReservation, isComplete } from '../records/record.ts';
import { podDifferences } from './differences.ts';
import { disconnect } from './disconnect.ts';
import { gatewayMac } from './gateway.ts';
import { isDoomedName } from './names.ts';
import { setNodeEnd } from './node-end.ts';
import { addToPod, bringUp, isWithoutIpv6, requestsPerAddress } from './pod-end.ts';
import { discardQueue } from './queue-discard.ts';
import { LinkRemoval } from './removal.ts';
import { isPodInterface } from './unclaimed.ts';
import type { PodNamespace, PodWiring } from './wiring.ts';

const loopback = 1 as IfIndex;
// By then most runtimes have deleted the pod's namespace, which deletes its interfaces too.
const removalDelayMs = 500;

export interface VethWiringOptions {
  /** A DEL does not wait until the kernel has deleted an interface that is already useless. */
  readonly removeLater?: boolean;
  /** Called with the host end of each pod's interface and its settings. */
  onMade?(link: ConfiguredLink): void;
}

/** Works in the namespace it was created for, the node's, and keeps a socket open there. */
export class VethWiring implements PodWiring, Disposable {
  readonly #node: NetworkNamespace;
  readonly #isOwnNode: boolean;
  readonly #socket: NetlinkSocket;
  readonly #removal: LinkRemoval;
  readonly #removeLater: boolean;
  readonly #onMade: VethWiringOptions['onMade'];
  #openPods = 0;

  /** `node`: the node's namespace, whose ownership this takes; default: the thread's own. */
  constructor(node?: NetworkNamespace, { removeLater = false, onMade }: VethWiringOptions = {}) {
    this.#isOwnNode = node === undefined;
    this.#node = node ?? NetworkNamespace.current();
    this.#socket = NetlinkSocket.open({ namespace: this.#node });
    this.#removal = new LinkRemoval(this.#socket, removalDelayMs);
    this.#removeLater = removeLater;
    this.#onMade = onMade;
    this.#removal.finishEarlier();
  }

  open(namespacePath: string): PodNamespace {
    const namespace = openNamespace(namespacePath);
    try {
      if (namespace.inode() === this.#node.inode()) {
        throw new CniError(
          cniErrorCode.invalidNamespace,
          `${namespacePath} is the network namespace of the node itself`,
          { details: 'a container in the host network needs no CNI plugin' },
        );
      }
      const pod = new OpenPod({
        inNode: this.#inNode,
        nodeSocket: this.#socket,
        namespace,
        isAlone: () => this.#openPods === 1,
        onClose: () => this.#openPods--,
        onMade: this.#onMade,
      });
      this.#openPods++;
      return pod;
    } catch (error) {
      namespace[Symbol.dispose]();
      throw error;
    }
  }

  hostIfIndex(hostIfName: string, known?: IfIndex): IfIndex | undefined {
    return this.#hostEnd(hostIfName, known)?.ifIndex;
  }

  interfaces(): readonly string[] {
    const links = listLinks(this.#socket, { kind: 'veth' });
    return links.filter(isPodInterface).map(({ name }) => name);
  }

  // An administrator may have renamed it, which does not change its owner.
  #hostEnd(hostIfName: string, known: IfIndex | undefined): Link | undefined {
    const named = linkByName(this.#socket, hostIfName);
    if (named !== undefined || known === undefined) return named;
    const link = linkByIndex(this.#socket, known);
    const isOurs = link?.kind === 'veth' && link.mac === gatewayMac && !isDoomedName(link.name);
    return isOurs ? link : undefined;
  }

  async unwire(hostIfName: string, record?: EndpointRecord): Promise<void> {
    const known = record !== undefined && isComplete(record) ? record.hostIfIndex : undefined;
    const host = this.#hostEnd(hostIfName, known);
    if (host === undefined) await this.#removal.earlierGone();
    const isSilent =
      host === undefined ||
      (this.#removeLater &&
        record !== undefined &&
        (await disconnect({ socket: this.#socket, namespace: this.#node }, host, record)));
    const queue = discardQueue(this.#socket, hostIfName, record);
    if (!isSilent) await this.#removal.remove(host.ifIndex);
    else if (queue !== undefined && !this.#removeLater) await this.#removal.remove(queue);
    else this.#removal.removeSoon();
  }

  // If the thread is already in that namespace, no switch is needed.
  readonly #inNode = <Result>(body: () => Result): Result =>
    this.#isOwnNode ? body() : this.#node.run(body);

  [Symbol.dispose](): void {
    this.#removal[Symbol.dispose]();
    this.#socket[Symbol.dispose]();
    this.#node[Symbol.dispose]();
  }
}

interface PodParts {
  /** Runs a function with the thread in the node's namespace. */
  readonly inNode: <Result>(body: () => Result) => Result;
  readonly nodeSocket: NetlinkSocket;
  readonly namespace: NetworkNamespace;
  /** Whether no other pod is open. */
  readonly isAlone: () => boolean;
  readonly onClose: () => void;
  readonly onMade: VethWiringOptions['onMade'];
}

class OpenPod implements PodNamespace {
  readonly #parts: PodParts;
  readonly #socket: NetlinkSocket;
  #nodeAside: NetlinkSocket | undefined;

  constructor(parts: PodParts) {
    this.#parts = parts;
    this.#socket = NetlinkSocket.open({ namespace: parts.namespace });
  }

  hasInterface(name: string): boolean {
    return linkByName(this.#socket, name) !== undefined;
  }

  async wire(reservation: EndpointReservation): Promise<IfIndex | undefined> {
    const host = await this.#makeEnds(reservation);
    if (host === undefined) return undefined;
    const { hostIfName } = reservation;
    if (host.peerIfIndex === undefined) {
      throw new Error(`veth ${hostIfName}: the kernel does not report its other end`);
    }
    try {
      await this.#configureNodeEnd(reservation, host);
      await this.#configure(reservation, host.peerIfIndex);
    } catch (error) {
      await this.#discardRenamed(hostIfName, host.ifIndex);
      throw error;
    }
    return host.ifIndex;
  }

  // Both ends stay down: settings that apply when a link comes up are set before. Undefined: one of the names exists.
  async #makeEnds({
    hostIfName,
    ifName,
    mac,
    mtuBytes,
  }: EndpointReservation): Promise<ConfiguredLink | undefined> {
    const { namespace, nodeSocket, isAlone } = this.#parts;
    const peer = { name: ifName, namespace, mac, mtuBytes };
    const options = { name: hostIfName, mac: gatewayMac, mtuBytes, peer };
    try {
      return isAlone()
        ? makeVeth(nodeSocket, options, readConfiguredLink)
        : await makeVethAside(this.#ownNodeSocket(), options, readConfiguredLink);
    } catch (error) {
      if (isKernelError(error, 'EEXIST')) return undefined;
      throw error;
    }
  }

  async #configureNodeEnd(reservation: EndpointReservation, host: ConfiguredLink): Promise<void> {
    const { hostIfName, addresses } = reservation;
    const { inNode, nodeSocket, onMade } = this.#parts;
    const { ifIndex } = host;
    const hasIpv6 = addresses.some((address) => addressFamily(address) === 6);
    const ipv6 = inNode(() => setNodeEnd(hostIfName, hasIpv6, host.ipv6));
    onMade?.(ipv6 === undefined ? host : { ...host, ipv6 });
    const outcomes = await this.#perform(
      { here: nodeSocket, aside: () => this.#ownNodeSocket() },
      (requests) => bringUp(requests, ifIndex),
    );
    throwFirst(outcomes.filter((failure) => hasIpv6 || !isWithoutIpv6(failure)));
  }

  // Its record would not find it, because it was renamed, for example by a udev rule. The error of its creation matters
  // more than one of its deletion.
  async #discardRenamed(hostIfName: string, ifIndex: IfIndex): Promise<void> {
    const { nodeSocket } = this.#parts;
    try {
      if (linkByName(nodeSocket, hostIfName) !== undefined) return;
      await delLinkAsync(nodeSocket, ifIndex);
    } catch (error) {
      if (!isKernelError(error)) throw error;
    }
  }

  differences(endpoint: LocalEndpoint): readonly string[] {
    return podDifferences(endpoint, { node: this.#parts.nodeSocket, pod: this.#socket });
  }

  // Use a worker thread only if other pods are waiting: the round trip costs a lone pod 0.2 ms.
  async #perform(
    { here, aside }: { readonly here: NetlinkSocket; aside(): NetlinkSocket },
    fill: (requests: RequestSink) => void,
  ): Promise<Outcomes> {
    return this.#parts.isAlone() ? batch(here, fill) : await batchAside(aside(), fill);
  }

  // The shared socket is for immediate answers: other pods may be wired meanwhile.
  #ownNodeSocket(): NetlinkSocket {
    this.#nodeAside ??= this.#parts.inNode(() => NetlinkSocket.open());
    return this.#nodeAside;
  }

  [Symbol.dispose](): void {
    this.#parts.onClose();
    this.#socket[Symbol.dispose]();
    this.#nodeAside?.[Symbol.dispose]();
    this.#parts.namespace[Symbol.dispose]();
  }

  // Files of the pod's sysctls are not opened: the kernel searches those of one namespace among all that were ever
  // looked up on the node, one by one (docs/decisions/add-costs.md).
  async #configure({ ifName, addresses }: EndpointReservation, ifIndex: IfIndex): Promise<void> {
    const ipv4 = addresses.filter((address) => addressFamily(address) === 4);
    const ipv6 = addresses.filter((address) => addressFamily(address) === 6);
    const inPod = { here: this.#socket, aside: () => this.#socket };
    const outcomes = await this.#perform(inPod, (requests) => {
      setLink(requests, { ifIndex: loopback, up: true });
      bringUp(requests, ifIndex);
      for (const address of [...ipv4, ...ipv6]) addToPod(requests, ifIndex, address);
    });
    const ofIpv6 = outcomes.length - ipv6.length * requestsPerAddress;
    const others = outcomes.slice(0, ofIpv6);
    throwFirst(others.filter((failure) => ipv6.length > 0 || !isWithoutIpv6(failure)));
    // Some runtimes and hardened hosts disable IPv6 for every new interface.
    if (!isKernelError(outcomes[ofIpv6], 'EACCES')) {
      throwFirst(outcomes.slice(ofIpv6));
      return;
    }
    this.#parts.namespace.run(() => writeSysctl(`net/ipv6/conf/${ifName}/disable_ipv6`, '0'));
    throwFirst(
      await this.#perform(inPod, (requests) => {
        for (const address of ipv6) addToPod(requests, ifIndex, address);
      }),
    );
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

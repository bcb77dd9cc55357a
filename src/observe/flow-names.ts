// Maps addresses in flow events to the pods and nodes that own them.

import type { FlowEndView, FlowSender } from '../api/flows.ts';
import type { Entries } from '../base/collections/collection.ts';
import { Reader } from '../base/collections/mirror.ts';
import { memoize } from '../base/memoize.ts';
import type { ClusterPod } from '../cluster/objects.ts';
import type { ClusterState } from '../cluster/state.ts';
import type { CheckedNode } from '../model/checked-node.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Address } from '../net/address.ts';
import { FormerOwners } from './former-owners.ts';
import { nodeNames } from './node-names.ts';
import { PodNames } from './pod-names.ts';

/** Everything about one end of a flow except its address and port. */
export type AddressOwner = Pick<FlowEndView, 'kind' | 'pod' | 'node'>;

export interface NameSources {
  /** Name of this node. */
  readonly node: string;
  readonly cluster: Pick<ClusterState, 'pods'> & {
    readonly nodes: ReadonlyMap<string, CheckedNode>;
  };
  readonly endpoints: Entries<string, LocalEndpoint>;
}

const world: AddressOwner = { kind: 'world' };
const cacheEntries = 10_000;
const goneEntries = 1000;

export class FlowNames {
  #sources: NameSources;
  #isFollowed = false;
  readonly #nowNs: () => number;
  /**
   * Time of the first change that has not been followed yet. Until then, pods that leave with it were still present.
   */
  #changedNs: number;
  readonly #former = new FormerOwners<AddressOwner>();
  readonly #pods = new PodNames();
  readonly #own = new Map<Address, AddressOwner>();
  /** By the interface index of the pod's host interface. */
  readonly #senders = new Map<number, FlowSender>();
  /** Senders that were deleted: their last events are still to be read. Interface indices are not reused soon. */
  readonly #gone = new Map<number, FlowSender>();
  readonly #endpoints = new Reader<string, LocalEndpoint>();
  // Owners known only by the nodes' ranges. A scan of addresses must not make the cache grow without bound.
  readonly #ranges = new Map<Address, AddressOwner>();

  /** `nowNs`: CLOCK_MONOTONIC by default. */
  constructor(sources: NameSources, nowNs: () => number = () => Number(process.hrtime.bigint())) {
    this.#sources = sources;
    this.#nowNs = nowNs;
    this.#changedNs = nowNs();
    this.#followOwn(sources.node, sources.endpoints);
  }

  /** Replaces the sources. This is cheap: changes of the cluster's pods are followed on the next lookup. */
  replace(sources: NameSources): void {
    if (sources.cluster.nodes !== this.#sources.cluster.nodes) this.#ranges.clear();
    this.#sources = sources;
    this.#followOwn(sources.node, sources.endpoints);
    if (this.#isFollowed) this.#changedNs = this.#nowNs();
    this.#isFollowed = false;
  }

  /** Records which pods of the cluster have left. All changes between two calls are dated to the first one. */
  refresh(): void {
    if (this.#isFollowed) return;
    const { node, cluster } = this.#sources;
    this.#pods.follow(cluster.pods, (address, pod) => {
      // For this node's own pods the records are earlier and more accurate. A pod never has an address outside its
      // node's range, whatever the kubelet reported.
      const inRangeOf = this.#ofRange(address).node;
      if (inRangeOf === undefined || inRangeOf === node) return;
      if (inRangeOf !== (pod.node ?? inRangeOf)) return;
      this.#former.add(address, ownerOfPod(pod), this.#changedNs);
    });
    this.#isFollowed = true;
  }

  /**
   * Returns the owner of an address. This node's own records take precedence over cluster state. `atNs`: a time in the
   * past (CLOCK_MONOTONIC), when the owner may have been another one; now by default.
   */
  of(address: Address, atNs: number = Number.POSITIVE_INFINITY): AddressOwner {
    this.refresh();
    return this.#former.of(address, atNs) ?? this.#ofToday(address);
  }

  /** The pod behind an interface of this node, including pods that were deleted recently. */
  sender(ifIndex: number): FlowSender | undefined {
    return this.#senders.get(ifIndex) ?? this.#gone.get(ifIndex);
  }

  /** This node's endpoints, as last given. */
  get endpoints(): readonly LocalEndpoint[] {
    return this.#sources.endpoints.values();
  }

  #ofToday(address: Address): AddressOwner {
    const own = this.#own.get(address);
    if (own !== undefined) return own;
    // A node's address never belongs to a pod, whatever the pod's status says.
    const node = nodeNames(this.#sources.cluster.nodes).addresses.get(address);
    if (node !== undefined) return { kind: 'node', node };
    const range = this.#ofRange(address);
    const pod = this.#pods.of(address, range.node);
    return pod === undefined ? range : ownerOfPod(pod);
  }

  #followOwn(node: string, endpoints: Entries<string, LocalEndpoint>): void {
    const changes = this.#endpoints.read(endpoints);
    if (changes.length === 0) return;
    const nowNs = this.#nowNs();
    const before = changes.flatMap((change) => change.before ?? []);
    const after = changes.flatMap((change) => change.after ?? []);
    const still = new Set(after.map(({ hostIfIndex }) => hostIfIndex));
    for (const { addresses, hostIfIndex } of before) {
      for (const address of addresses) {
        const owner = this.#own.get(address);
        if (owner && !still.has(hostIfIndex)) this.#former.add(address, owner, nowNs);
        this.#own.delete(address);
      }
      this.#dismiss(hostIfIndex);
    }
    for (const endpoint of after) {
      const { pod, addresses, hostIfIndex } = endpoint;
      const named = pod && { pod: { namespace: pod.namespace, name: pod.name } };
      for (const address of addresses) this.#own.set(address, { kind: 'pod', node, ...named });
      this.#senders.set(hostIfIndex, { node, ...named, addresses });
    }
  }

  #dismiss(ifIndex: number): void {
    const sender = this.#senders.get(ifIndex);
    if (sender === undefined) return;
    this.#senders.delete(ifIndex);
    this.#gone.set(ifIndex, sender);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > goneEntries && oldest !== undefined) this.#gone.delete(oldest);
  }

  #ofRange(address: Address): AddressOwner {
    const known = this.#ranges.get(address);
    if (known !== undefined) return known;
    if (this.#ranges.size >= cacheEntries) this.#ranges.clear();
    // A pod that is not known from the cluster, in the range of a known node.
    const node = nodeNames(this.#sources.cluster.nodes).byRange(address);
    const owner: AddressOwner = node === undefined ? world : { kind: 'pod', node };
    this.#ranges.set(address, owner);
    return owner;
  }
}

const ownerOfPod: (pod: ClusterPod) => AddressOwner = memoize(({ namespace, name, node }) => ({
  kind: 'pod',
  pod: { namespace, name },
  ...(node === undefined ? {} : { node }),
}));

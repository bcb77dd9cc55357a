// Whose address is this: joins addresses of flow events with the pods and nodes they belong to.

import type { FlowEnd } from '../agent/api-types.ts';
import type { ClusterState } from '../cluster/state.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Address } from '../net/address.ts';
import { prefixContains } from '../net/prefix.ts';

/** Everything about a flow's end but the port and the address itself. */
export type AddressOwner = Pick<FlowEnd, 'kind' | 'pod' | 'node'>;

export interface NameSources {
  /** Name of this node. */
  readonly node: string;
  readonly cluster: ClusterState;
  readonly endpoints: readonly LocalEndpoint[];
}

const world: AddressOwner = { kind: 'world' };
const cacheEntries = 10_000;

export class FlowNames {
  #sources: NameSources;
  #known: Map<Address, AddressOwner> | undefined;
  // What only a walk over every node's ranges tells; a scan of addresses must not grow it without bound.
  readonly #ranges = new Map<Address, AddressOwner>();

  constructor(sources: NameSources) {
    this.#sources = sources;
  }

  /** Takes effect for the next lookup; cheap when nothing is looked up in between. */
  replace(sources: NameSources): void {
    this.#sources = sources;
    this.#known = undefined;
    this.#ranges.clear();
  }

  of(address: Address): AddressOwner {
    this.#known ??= knownAddresses(this.#sources);
    const known = this.#known.get(address) ?? this.#ranges.get(address);
    if (known !== undefined) return known;
    if (this.#ranges.size >= cacheEntries) this.#ranges.clear();
    const owner = ownerByRange(address, this.#sources.cluster);
    this.#ranges.set(address, owner);
    return owner;
  }
}

/** Later entries win: what this node made itself is truer than what the cluster was told of it. */
function knownAddresses({ node, cluster, endpoints }: NameSources): Map<Address, AddressOwner> {
  const known = new Map<Address, AddressOwner>();
  for (const { name, addresses } of cluster.nodes.values()) {
    for (const address of addresses) known.set(address, { kind: 'node', node: name });
  }
  for (const pod of cluster.pods.values()) {
    if (pod.hostNetwork) continue;
    const { namespace, name } = pod;
    const owner: AddressOwner = {
      kind: 'pod',
      pod: { namespace, name },
      ...(pod.node === undefined ? {} : { node: pod.node }),
    };
    for (const address of pod.addresses) known.set(address, owner);
  }
  for (const { pod, addresses } of endpoints) {
    const named = pod && { pod: { namespace: pod.namespace, name: pod.name } };
    for (const address of addresses) known.set(address, { kind: 'pod', node, ...named });
  }
  return known;
}

/** A pod that the cluster has not told us about, but in a range that a node has. */
function ownerByRange(address: Address, cluster: ClusterState): AddressOwner {
  for (const { name, podCidrs } of cluster.nodes.values()) {
    if (podCidrs.some((prefix) => prefixContains(prefix, address))) {
      return { kind: 'pod', node: name };
    }
  }
  return world;
}

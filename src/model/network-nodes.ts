// The cluster's nodes as far as this node's network depends on them. Labels, annotations and status of a node change
// all the time; results memoized on these objects are not computed again for that.

import { Mirror } from '../base/collections/mirror.ts';
import type { ClusterNode } from '../cluster/objects.ts';

/** The fields on which the network depends. */
export type NetworkNode = Pick<
  ClusterNode,
  'name' | 'podCidrs' | 'addresses' | 'createdAt' | 'uid'
>;

export type NetworkNodes = ReadonlyMap<string, NetworkNode>;

export class FollowedNodes {
  readonly #nodes = new Mirror<NetworkNode>({ equal: saysTheSame });
  #result: NetworkNodes = new Map();
  #revision = 0;

  /** Returns the map of the last call while it is equal, and in a new one the same objects for equal nodes. */
  follow(nodes: NetworkNodes): NetworkNodes {
    this.#nodes.follow(nodes);
    const { entries } = this.#nodes;
    if (entries.revision !== this.#revision) this.#result = new Map(entries);
    this.#revision = entries.revision;
    return this.#result;
  }
}

function saysTheSame(left: NetworkNode, right: NetworkNode): boolean {
  if (left === right) return true;
  if (left.createdAt !== right.createdAt || left.uid !== right.uid) return false;
  return sameList(left.podCidrs, right.podCidrs) && sameList(left.addresses, right.addresses);
}

function sameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}

// The cluster's nodes as far as this node's network depends on them. Labels, annotations and status of a node change
// all the time; results memoized on these objects are not computed again for that.

import type { ClusterNode } from '../cluster/objects.ts';

/** The fields on which the network depends. */
export type NetworkNode = Pick<
  ClusterNode,
  'name' | 'podCidrs' | 'addresses' | 'createdAt' | 'uid'
>;

export type NetworkNodes = ReadonlyMap<string, NetworkNode>;

let last: { readonly nodes: NetworkNodes; readonly result: NetworkNodes } | undefined;

/** Returns the map of the last call while it is equal, and in a new one the same objects for equal nodes. */
export function networkNodes(nodes: NetworkNodes): NetworkNodes {
  if (last?.nodes === nodes) return last.result;
  const before: NetworkNodes = last?.result ?? new Map();
  const kept = new Map<string, NetworkNode>();
  let isSame = before.size === nodes.size;
  for (const [name, node] of nodes) {
    const known = before.get(name);
    const isKnown = known !== undefined && saysTheSame(known, node);
    kept.set(name, isKnown ? known : node);
    isSame &&= isKnown;
  }
  last = { nodes, result: isSame ? before : kept };
  return last.result;
}

function saysTheSame(left: NetworkNode, right: NetworkNode): boolean {
  if (left === right) return true;
  if (left.createdAt !== right.createdAt || left.uid !== right.uid) return false;
  return sameList(left.podCidrs, right.podCidrs) && sameList(left.addresses, right.addresses);
}

function sameList(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}

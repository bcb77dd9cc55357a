// The cluster's nodes as far as this node's network depends on them. A node's labels, annotations and status change all
// the time; nothing that is memoised on what comes from here is computed again for that.

import type { ClusterNode } from '../cluster/objects.ts';

/** What the network of a node depends on. */
export type NetworkNode = Pick<
  ClusterNode,
  'name' | 'podCidrs' | 'addresses' | 'createdAt' | 'uid'
>;

export type NetworkNodes = ReadonlyMap<string, NetworkNode>;

let last: { readonly nodes: NetworkNodes; readonly result: NetworkNodes } | undefined;

/** The map of the last call while it says the same, and in a new one the same objects for nodes that say the same. */
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

// The addresses that belong to pods, of whichever node.

import type { Address } from '../../net/address.ts';
import { hostPrefix, type Prefix } from '../../net/prefix.ts';
import type { CheckedNode } from '../checked-node.ts';
import { compactPrefixes, type OrderedPrefix, orderedPrefix } from '../prefix-order.ts';
import { nodePrefixes } from './node-prefixes.ts';
import type { RangeOwners } from './pod-ranges.ts';

/** The pod ranges that a node claims and has. */
export function ownedRanges(node: CheckedNode, { owners }: RangeOwners): readonly OrderedPrefix[] {
  return nodePrefixes(node).ranges.filter(({ prefix }) => owners.get(prefix) === node.name);
}

/** The pod ranges of all nodes. */
export function podSources(ranges: RangeOwners): readonly Prefix[] {
  return compactPrefixes(ranges.nodes.flatMap((node) => ownedRanges(node, ranges)));
}

/** `strays`: addresses of pods outside their node's ranges. */
export function podSourcesWith(
  sources: readonly Prefix[],
  strays: readonly Address[],
): readonly Prefix[] {
  if (strays.length === 0) return sources;
  return compactPrefixes(
    [...sources, ...strays.map((address) => hostPrefix(address))].map(orderedPrefix),
  );
}

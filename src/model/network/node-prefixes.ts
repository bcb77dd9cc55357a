// What a Node claims, in the form in which prefixes are compared: parsed once.

import { memoize } from '../../base/memoize.ts';
import { hostPrefix } from '../../net/prefix.ts';
import type { NetworkNode } from '../network-nodes.ts';
import { type OrderedPrefix, orderedPrefix } from '../prefix-order.ts';

interface NodePrefixes {
  readonly ranges: readonly OrderedPrefix[];
  readonly addresses: readonly OrderedPrefix[];
}

export const nodePrefixes: (node: NetworkNode) => NodePrefixes = memoize(
  ({ podCidrs, addresses }) => ({
    ranges: podCidrs.map(orderedPrefix),
    addresses: addresses.map((address) => orderedPrefix(hostPrefix(address))),
  }),
);

// Maps addresses to nodes, by the nodes' own addresses and by their pod ranges.

import { memoize } from '../base/memoize.ts';
import { type CheckedNode, verifiedAddresses } from '../model/checked-node.ts';
import { nodePrefixes } from '../model/network/node-prefixes.ts';
import { PrefixIndex } from '../model/prefix-index.ts';
import { type OrderedPrefix, orderedPrefix } from '../model/prefix-order.ts';
import type { Address } from '../net/address.ts';
import { hostPrefix, type Prefix } from '../net/prefix.ts';

export interface NodeNames {
  /** Node names by the nodes' own addresses. */
  readonly addresses: ReadonlyMap<Address, string>;
  /** The node with the longest pod range that contains the address. */
  byRange(address: Address): string | undefined;
}

/** Computed once per map of nodes. */
export const nodeNames: (nodes: ReadonlyMap<string, CheckedNode>) => NodeNames = memoize(index);

interface NamedRange {
  readonly ordered: OrderedPrefix;
  readonly name: string;
}

function index(nodes: ReadonlyMap<string, CheckedNode>): NodeNames {
  const addresses = new Map<Address, string>();
  const ranges = new Map<Prefix, NamedRange>();
  for (const node of nodes.values()) {
    const { name } = node;
    for (const address of verifiedAddresses(node)) addresses.set(address, name);
    for (const ordered of nodePrefixes(node).ranges) {
      if (!ranges.has(ordered.prefix)) ranges.set(ordered.prefix, { ordered, name });
    }
  }
  const byPlace = new PrefixIndex([...ranges.values()]);
  return {
    addresses,
    byRange: (address) => byPlace.around(orderedPrefix(hostPrefix(address)))?.name,
  };
}

// Which node has an address, or the range that an address is in.

import { memoize } from '../base/memoize.ts';
import { type CheckedNode, verifiedAddresses } from '../model/checked-node.ts';
import { type Address, type AddressFamily, addressFamily } from '../net/address.ts';
import { makePrefix, type Prefix, prefixFamily, prefixLength } from '../net/prefix.ts';

export interface NodeNames {
  /** Node names by the nodes' own addresses. */
  readonly addresses: ReadonlyMap<Address, string>;
  /** The node in one of whose pod ranges it is; of several the longest. */
  byRange(address: Address): string | undefined;
}

/** Made once for a map of nodes. */
export const nodeNames: (nodes: ReadonlyMap<string, CheckedNode>) => NodeNames = memoize(index);

function index(nodes: ReadonlyMap<string, CheckedNode>): NodeNames {
  const addresses = new Map<Address, string>();
  const ranges = new Map<Prefix, string>();
  for (const node of nodes.values()) {
    const { name, podCidrs } = node;
    for (const address of verifiedAddresses(node)) addresses.set(address, name);
    for (const prefix of podCidrs) if (!ranges.has(prefix)) ranges.set(prefix, name);
  }
  const lengths = { 4: lengthsOf(ranges, 4), 6: lengthsOf(ranges, 6) };
  return {
    addresses,
    // Only the few lengths that occur are tried, instead of every range.
    byRange: (address) =>
      lengths[addressFamily(address)]
        .map((length) => ranges.get(makePrefix(address, length)))
        .find((name) => name !== undefined),
  };
}

function lengthsOf(ranges: ReadonlyMap<Prefix, string>, family: AddressFamily): readonly number[] {
  const all = Array.from(ranges.keys())
    .filter((prefix) => prefixFamily(prefix) === family)
    .map(prefixLength);
  return [...new Set(all)].sort((left, right) => right - left);
}

// Whether an address is in any of some prefixes, for many addresses that come again and again.

import { PrefixIndex } from '../../model/prefix-index.ts';
import { orderedPrefix } from '../../model/prefix-order.ts';
import type { Address } from '../../net/address.ts';
import { hostPrefix, type Prefix } from '../../net/prefix.ts';

/** Remembers at most so many addresses: a walk over a table sees fewer pods, and more of the world than is worth it. */
const rememberedAtMost = 20_000;

export function inPrefixes(prefixes: readonly Prefix[]): (address: Address) => boolean {
  const index = new PrefixIndex(prefixes.map((prefix) => ({ ordered: orderedPrefix(prefix) })));
  const known = new Map<Address, boolean>();
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const isIn = index.around(orderedPrefix(hostPrefix(address))) !== undefined;
    if (known.size < rememberedAtMost) known.set(address, isIn);
    return isIn;
  };
}

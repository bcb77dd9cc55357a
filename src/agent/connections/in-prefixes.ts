// Tests whether addresses are in any of several prefixes, with a cache for addresses that occur repeatedly.

import { PrefixIndex } from '../../model/prefix-index.ts';
import { orderedPrefix } from '../../model/prefix-order.ts';
import type { Address } from '../../net/address.ts';
import { hostPrefix, type Prefix } from '../../net/prefix.ts';

/**
 * Maximum number of cached addresses. A walk sees fewer pods than that, and caching more outside addresses does not
 * pay.
 */
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

// Whether an address is in any of some prefixes, for many addresses that come again and again.

import { type Address, addressFamily } from '../net/address.ts';
import { makePrefix, type Prefix, prefixFamily, prefixLength } from '../net/prefix.ts';

/** Remembers at most so many addresses: a walk over a table sees fewer pods, and more of the world than is worth it. */
const rememberedAtMost = 20_000;

export function inPrefixes(prefixes: readonly Prefix[]): (address: Address) => boolean {
  const all = new Set(prefixes);
  const lengths = {
    4: lengthsOf(prefixes, 4),
    6: lengthsOf(prefixes, 6),
  } as const;
  const known = new Map<Address, boolean>();
  return (address) => {
    const before = known.get(address);
    if (before !== undefined) return before;
    const isIn = lengths[addressFamily(address)].some((length) =>
      all.has(makePrefix(address, length)),
    );
    if (known.size < rememberedAtMost) known.set(address, isIn);
    return isIn;
  };
}

function lengthsOf(prefixes: readonly Prefix[], family: 4 | 6): readonly number[] {
  const found = prefixes.filter((prefix) => prefixFamily(prefix) === family).map(prefixLength);
  return [...new Set(found)];
}

// A pod range as numbers: which of its addresses are for pods, and where in it an address lies.

import { type Address, addressBytes } from '../../net/address.ts';
import {
  familyBits,
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixFamily,
  prefixLength,
} from '../../net/prefix.ts';

/** Reserved: the network address (in IPv6 the routers' anycast address, RFC 4291 section 2.6.1), the first address,
 * which is the node's own in the range, and IPv4's broadcast address. Empty when `last` < `first`. */
export function usableOffsets(range: Prefix): { readonly first: bigint; readonly last: bigint } {
  const size = sizeOf(range);
  return { first: 2n, last: prefixFamily(range) === 4 ? size - 2n : size - 1n };
}

export function isUsableInRange(range: Prefix, address: Address): boolean {
  const { first, last } = usableOffsets(range);
  const offset = offsetIn(range, address);
  return prefixContains(range, address) && offset >= first && offset <= last;
}

export function offsetIn(range: Prefix, address: Address): bigint {
  return addressNumber(address) - addressNumber(prefixAddress(range));
}

/** Of the first address behind `block`, as an offset in `range`. */
export function offsetBehind(range: Prefix, block: Prefix): bigint {
  return offsetIn(range, prefixAddress(block)) + sizeOf(block);
}

function sizeOf(range: Prefix): bigint {
  return 1n << BigInt(familyBits(prefixFamily(range)) - prefixLength(range));
}

function addressNumber(address: Address): bigint {
  return addressBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

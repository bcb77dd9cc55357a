// A pod range as numbers: which addresses are for pods, and the position of an address.

import { type Address, addressBytes } from '../../net/address.ts';
import {
  familyBits,
  type Prefix,
  prefixAddress,
  prefixContains,
  prefixFamily,
  prefixLength,
} from '../../net/prefix.ts';

/**
 * Reserved: the network address (in IPv6 the routers' anycast address, RFC 4291 section 2.6.1), the first address,
 * which belongs to the node, and IPv4's broadcast address. Empty if `last` < `first`.
 */
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

/** Offset in `range` of the first address after `block`. */
export function offsetBehind(range: Prefix, block: Prefix): bigint {
  return offsetIn(range, prefixAddress(block)) + sizeOf(block);
}

function sizeOf(range: Prefix): bigint {
  return 1n << BigInt(familyBits(prefixFamily(range)) - prefixLength(range));
}

function addressNumber(address: Address): bigint {
  return addressBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

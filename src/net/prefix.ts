// A CIDR prefix as canonical text, host bits cleared: `10.0.1.0/24`, `2001:db8::/64`.

import type { Brand } from '../base/brand.ts';
import { InputError } from '../base/input-error.ts';
import {
  type Address,
  type AddressFamily,
  addressBytes,
  addressFamily,
  addressOf,
  isMapped,
  unfoldedAddress,
} from './address.ts';

export type Prefix = Brand<string, 'Prefix'>;

/** Clears host bits (`10.0.1.7/24` is `10.0.1.0/24`). Throws InputError if the text is not `address/length`. */
export function parsePrefix(text: string, object = 'prefix', field?: string): Prefix {
  const [head = '', tail = '', ...rest] = text.split('/');
  const length = /^\d{1,3}$/.test(tail) ? Number(tail) : Number.NaN;
  const prefix = rest.length > 0 ? undefined : prefixOf(head, length);
  if (prefix === undefined) {
    const rule = 'is not a CIDR prefix (address/length)';
    throw new InputError({ object, field, value: text, rule });
  }
  if (isMapped(prefixAddress(prefix))) {
    const rule = 'is a prefix of IPv4-mapped IPv6 addresses, which is not supported';
    throw new InputError({ object, field, value: text, rule });
  }
  return prefix;
}

/**
 * A prefix in the form that other programs on the node use, which may be IPv4-mapped. Undefined if it is not a prefix.
 */
export function prefixOf(text: string, length: number): Prefix | undefined {
  const address = addressOf(text);
  if (address === undefined || !Number.isInteger(length)) return undefined;
  if (length < 0 || length > familyBits(addressFamily(address))) return undefined;
  return makePrefix(address, length);
}

/** A prefix of IPv4-mapped addresses stays IPv6: `::ffff:0:0/96`. */
export function makePrefix(address: Address, length: number): Prefix {
  const bytes = addressBytes(address).map((byte, index) => {
    const kept = Math.min(8, Math.max(0, length - index * 8));
    return byte & (0xff << (8 - kept));
  });
  return `${unfoldedAddress(bytes)}/${length}` as Prefix;
}

/** The prefix of a single address: /32 or /128. */
export function hostPrefix(address: Address): Prefix {
  return `${address}/${familyBits(addressFamily(address))}` as Prefix;
}

export function prefixAddress(prefix: Prefix): Address {
  return prefix.slice(0, prefix.lastIndexOf('/')) as Address;
}

export function prefixLength(prefix: Prefix): number {
  return Number(prefix.slice(prefix.lastIndexOf('/') + 1));
}

export function prefixFamily(prefix: Prefix): AddressFamily {
  return prefix.includes(':') ? 6 : 4;
}

export function prefixContains(prefix: Prefix, address: Address): boolean {
  if (prefixFamily(prefix) !== addressFamily(address)) return false;
  return makePrefix(address, prefixLength(prefix)) === prefix;
}

export function prefixesOverlap(left: Prefix, right: Prefix): boolean {
  return prefixContains(left, prefixAddress(right)) || prefixContains(right, prefixAddress(left));
}

/** The two halves, the lower first; none if the prefix is a single address. */
export function prefixHalves(prefix: Prefix): readonly Prefix[] {
  const length = prefixLength(prefix) + 1;
  const hostBits = familyBits(prefixFamily(prefix)) - length;
  if (hostBits < 0) return [];
  const upper = addressAt(prefix, 1n << BigInt(hostBits));
  const starts = upper === undefined ? [] : [prefixAddress(prefix), upper];
  return starts.map((address) => makePrefix(address, length));
}

/** The address `offset` places after the network address; undefined beyond the end of the prefix. */
export function addressAt(prefix: Prefix, offset: bigint): Address | undefined {
  const hostBits = familyBits(prefixFamily(prefix)) - prefixLength(prefix);
  if (offset < 0n || offset >= 1n << BigInt(hostBits)) return undefined;
  const bytes = addressBytes(prefixAddress(prefix));
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + offset;
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(value & 0xffn);
    value >>= 8n;
  }
  return unfoldedAddress(bytes);
}

export function familyBits(family: AddressFamily): 32 | 128 {
  return family === 4 ? 32 : 128;
}

// A CIDR prefix as canonical text, host bits cleared: `10.0.1.0/24`, `2001:db8::/64`.

import type { Brand } from '../base/brand.ts';
import { InputError } from '../base/input-error.ts';
import {
  type Address,
  type AddressFamily,
  addressBytes,
  addressFamily,
  addressFromBytes,
  isAddress,
  parseAddress,
} from './address.ts';

export type Prefix = Brand<string, 'Prefix'>;

/** Host bits are cleared (`10.0.1.7/24` is `10.0.1.0/24`); throws InputError when it is not `address/length`. */
export function parsePrefix(text: string, object = 'prefix', field?: string): Prefix {
  const [head = '', tail = '', ...rest] = text.split('/');
  const length = /^\d{1,3}$/.test(tail) ? Number(tail) : Number.NaN;
  const family = head.includes(':') ? 6 : 4;
  if (rest.length > 0 || !isAddress(head) || !(length <= familyBits(family))) {
    throw new InputError({
      object,
      field,
      value: text,
      rule: 'is not a CIDR prefix (address/length)',
    });
  }
  try {
    return makePrefix(parseAddress(head), length);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const { rule } = error.problem;
    throw new InputError({ object, field, value: text, rule }, { cause: error });
  }
}

export function makePrefix(address: Address, length: number): Prefix {
  const bytes = addressBytes(address).map((byte, index) => {
    const kept = Math.min(8, Math.max(0, length - index * 8));
    return byte & (0xff << (8 - kept));
  });
  return `${addressFromFamilyBytes(bytes)}/${length}` as Prefix;
}

/** The prefix that holds just this address: /32 or /128. */
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

/** The address `offset` places after the network address; undefined past the prefix's end. */
export function addressAt(prefix: Prefix, offset: bigint): Address | undefined {
  const hostBits = familyBits(prefixFamily(prefix)) - prefixLength(prefix);
  if (offset < 0n || offset >= 1n << BigInt(hostBits)) return undefined;
  const bytes = addressBytes(prefixAddress(prefix));
  let value = bytes.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n) + offset;
  for (let index = bytes.length - 1; index >= 0; index--) {
    bytes[index] = Number(value & 0xffn);
    value >>= 8n;
  }
  return addressFromFamilyBytes(bytes);
}

export function familyBits(family: AddressFamily): 32 | 128 {
  return family === 4 ? 32 : 128;
}

// An IPv6 prefix such as ::ffff:0:0/96 must stay IPv6, so an IPv4-mapped address is refused rather than folded.
function addressFromFamilyBytes(bytes: Uint8Array): Address {
  const address = addressFromBytes(bytes);
  if (bytes.length === 16 && addressFamily(address) === 4) {
    throw new InputError({
      object: 'prefix',
      value: address,
      rule: 'is a prefix of IPv4 addresses written as IPv6, which is not supported',
    });
  }
  return address;
}

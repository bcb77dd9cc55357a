// An IPv4 or IPv6 address as canonical text (RFC 5952 for IPv6), so that equal addresses are equal strings.

import ipaddr from 'ipaddr.js';
import type { Brand } from '../base/brand.ts';
import { InputError } from '../base/input-error.ts';

export type Address = Brand<string, 'Address'>;
export type AddressFamily = 4 | 6;

export function isAddress(text: string): boolean {
  return canonicalText(text) !== undefined;
}

/** Throws InputError on anything but a four-part IPv4 or an IPv6 address without a zone. */
export function parseAddress(text: string, object = 'address', field?: string): Address {
  const address = canonicalText(text);
  if (address !== undefined) return address;
  throw new InputError({ object, field, value: text, rule: 'is not an IPv4 or IPv6 address' });
}

export function addressFamily(address: Address): AddressFamily {
  return address.includes(':') ? 6 : 4;
}

/** Network order: 4 bytes for IPv4, 16 for IPv6. */
export function addressBytes(address: Address): Uint8Array {
  // Each family's own reader: asked for any, the library tries five patterns first.
  const parsed = address.includes(':') ? ipaddr.IPv6.parse(address) : ipaddr.IPv4.parse(address);
  return Uint8Array.from(parsed.toByteArray());
}

/** 16 bytes in network order, IPv4 as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2): the data path's one address type. */
export function mappedBytes(address: Address): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return mapped;
}

/** From 4 or 16 bytes in network order; an IPv4-mapped address comes back as IPv4. */
export function addressFromBytes(bytes: Uint8Array): Address {
  const parsed = ipaddr.fromByteArray([...bytes]);
  if (parsed instanceof ipaddr.IPv6 && parsed.isIPv4MappedAddress()) {
    return canonical(parsed.toIPv4Address());
  }
  return canonical(parsed);
}

/** The IPv4 address that `::ffff:a.b.c.d` stands for, which is what the kernel sends to; others as they are. */
export function unmapped(address: Address): Address {
  return address.startsWith('::ffff:') ? addressFromBytes(addressBytes(address)) : address;
}

export function compareAddresses(left: Address, right: Address): number {
  return Buffer.compare(mappedBytes(left), mappedBytes(right));
}

// Each family is asked for once: a large cluster tells tens of thousands of addresses.
function canonicalText(text: string): Address | undefined {
  if (text.includes(':')) return canonicalIpv6(text);
  // Four parts without leading zeros are canonical as they are.
  return ipaddr.IPv4.isValidFourPartDecimal(text) ? (text as Address) : undefined;
}

function canonicalIpv6(text: string): Address | undefined {
  if (text.includes('%')) return undefined;
  try {
    return canonical(ipaddr.IPv6.parse(text));
  } catch {
    return undefined;
  }
}

function canonical(parsed: ipaddr.IPv4 | ipaddr.IPv6): Address {
  const text = parsed instanceof ipaddr.IPv6 ? parsed.toRFC5952String() : parsed.toString();
  return text as Address;
}

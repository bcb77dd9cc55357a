// An IPv4 or IPv6 address as canonical text (RFC 5952 for IPv6), so that equal addresses are equal strings.

import ipaddr from 'ipaddr.js';
import type { Brand } from '../base/brand.ts';
import { InputError } from '../base/input-error.ts';

export type Address = Brand<string, 'Address'>;
export type AddressFamily = 4 | 6;

export function isAddress(text: string): boolean {
  return addressOf(text) !== undefined;
}

/** Undefined for text that `parseAddress` refuses. */
export function addressOf(text: string): Address | undefined {
  // Branch by family first: a large cluster has tens of thousands of addresses.
  if (text.includes(':')) return canonicalIpv6(text);
  // Four parts without leading zeros are already canonical.
  return ipaddr.IPv4.isValidFourPartDecimal(text) ? (text as Address) : undefined;
}

/** Accepts a four-part IPv4 address or an IPv6 address without a zone. Throws InputError for anything else. */
export function parseAddress(text: string, object = 'address', field?: string): Address {
  const address = addressOf(text);
  if (address !== undefined) return address;
  throw new InputError({ object, field, value: text, rule: 'is not an IPv4 or IPv6 address' });
}

export function addressFamily(address: Address): AddressFamily {
  return address.includes(':') ? 6 : 4;
}

/** Network order: 4 bytes for IPv4, 16 for IPv6. */
export function addressBytes(address: Address): Uint8Array {
  return address.includes(':') ? ipv6Bytes(address) : ipv4Bytes(address);
}

/**
 * 16 bytes in network order, IPv4 as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2): the only address type of the data
 * path.
 */
export function mappedBytes(address: Address): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === 16) return bytes;
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(bytes, 12);
  return mapped;
}

/** Accepts 4 or 16 bytes in network order. An IPv4-mapped address becomes IPv4. */
export function addressFromBytes(bytes: Uint8Array): Address {
  if (bytes.length === 4) return bytes.join('.') as Address;
  if (bytes.length !== 16) throw new Error(`an address has 4 or 16 bytes, not ${bytes.length}`);
  return hasMappedBytes(bytes) ? (bytes.subarray(12).join('.') as Address) : ipv6Address(bytes);
}

/** Like `addressFromBytes`, for places that distinguish the families: an IPv4-mapped address stays IPv6. */
export function unfoldedAddress(bytes: Uint8Array): Address {
  return bytes.length === 16 ? ipv6Address(bytes) : addressFromBytes(bytes);
}

/** Whether it is an IPv4-mapped IPv6 address, which the data path cannot distinguish from the IPv4 address. */
export function isMapped(address: Address): boolean {
  return address.startsWith('::ffff:') && hasMappedBytes(addressBytes(address));
}

/** The IPv4 address for `::ffff:a.b.c.d`, which is where the kernel sends; other addresses unchanged. */
export function unmapped(address: Address): Address {
  return address.startsWith('::ffff:') ? addressFromBytes(addressBytes(address)) : address;
}

export function compareAddresses(left: Address, right: Address): number {
  return Buffer.compare(mappedBytes(left), mappedBytes(right));
}

function canonicalIpv6(text: string): Address | undefined {
  if (text.includes('%')) return undefined;
  try {
    return ipv6Address(Uint8Array.from(ipaddr.IPv6.parse(text).toByteArray()));
  } catch {
    return undefined;
  }
}

// Canonical text has few forms. Parsing and formatting it here takes a quarter of the library's time, and the desired
// state of a large cluster needs hundreds of thousands of conversions.
function ipv4Bytes(address: string): Uint8Array {
  const bytes = new Uint8Array(4);
  let index = 0;
  for (let at = 0; at < address.length; at++) {
    const character = address.charCodeAt(at);
    if (character === dot) index++;
    else bytes[index] = (bytes[index] ?? 0) * 10 + character - zero;
  }
  return bytes;
}

const dot = 0x2e;
const zero = 0x30;

function ipv6Bytes(address: string): Uint8Array {
  const [head = '', tail = ''] = address.split('::');
  const bytes = new Uint8Array(16);
  writeGroups(bytes, groupsOf(head), 'from the start');
  writeGroups(bytes, groupsOf(tail), 'to the end');
  return bytes;
}

function groupsOf(text: string): readonly string[] {
  return text === '' ? [] : text.split(':');
}

function writeGroups(
  bytes: Uint8Array,
  groups: readonly string[],
  where: 'from the start' | 'to the end',
): void {
  let at = where === 'from the start' ? 0 : bytes.length - 2 * groups.length;
  for (const group of groups) {
    const value = Number.parseInt(group, 16);
    bytes[at++] = value >> 8;
    bytes[at++] = value;
  }
}

/**
 * RFC 5952 section 4: the longest run of at least two zero groups, the first one if there are several, is written as
 * `::`.
 */
function ipv6Address(bytes: Uint8Array): Address {
  const groups: string[] = [];
  let run = 0;
  let longest = 1;
  let end = 0;
  for (let at = 0; at < 16; at += 2) {
    const value = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
    groups.push(value.toString(16));
    run = value === 0 ? run + 1 : 0;
    if (run <= longest) continue;
    longest = run;
    end = groups.length;
  }
  if (end === 0) return groups.join(':') as Address;
  const head = groups.slice(0, end - longest).join(':');
  return `${head}::${groups.slice(end).join(':')}` as Address;
}

function hasMappedBytes(bytes: Uint8Array): boolean {
  for (let at = 0; at < 10; at++) if (bytes[at] !== 0) return false;
  return bytes[10] === 0xff && bytes[11] === 0xff;
}

// Encodes addresses and MACs as the data path stores them: 16 bytes with IPv4 mapped into IPv6, and 6 bytes, both in
// network order. Implemented here because the address library takes ten times as long, and a table of connections holds
// hundreds of thousands of addresses. Relies on `Address` being canonical text (RFC 5952).

import type { Address } from '../net/address.ts';
import type { Mac } from '../net/mac.ts';
import type { Codec } from './codec.ts';

/** IPv4 as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2). All zero is `::`, which usually means no address. */
export const mappedAddress: Codec<Address> = {
  size: 16,
  encode(address, into, offset) {
    if (address.includes(':')) encodeIpv6(address, into, offset);
    else encodeIpv4(address, into, offset);
  },
  decode(from, offset) {
    const isIpv4 =
      from.getUint32(offset + 8) === 0xffff &&
      from.getUint32(offset + 4) === 0 &&
      from.getUint32(offset) === 0;
    return (isIpv4 ? decodeIpv4(from, offset + 12) : decodeIpv6(from, offset)) as Address;
  },
};

export const mac: Codec<Mac> = {
  size: 6,
  encode(value, into, offset) {
    for (let index = 0; index < 6; index++) {
      into.setUint8(offset + index, Number.parseInt(value.slice(index * 3, index * 3 + 2), 16));
    }
  },
  decode(from, offset) {
    let text = hexByte(from.getUint8(offset));
    for (let index = 1; index < 6; index++) text += `:${hexByte(from.getUint8(offset + index))}`;
    return text as Mac;
  },
};

function encodeIpv4(address: string, into: DataView, offset: number): void {
  into.setUint32(offset, 0);
  into.setUint32(offset + 4, 0);
  into.setUint32(offset + 8, 0xffff);
  let word = 0;
  let part = 0;
  for (let index = 0; index < address.length; index++) {
    const digit = address.charCodeAt(index) - zero;
    if (digit < 0) {
      word = word * 256 + part;
      part = 0;
    } else {
      part = part * 10 + digit;
    }
  }
  into.setUint32(offset + 12, word * 256 + part);
}

function decodeIpv4(from: DataView, at: number): string {
  return `${from.getUint8(at)}.${from.getUint8(at + 1)}.${from.getUint8(at + 2)}.${from.getUint8(at + 3)}`;
}

function encodeIpv6(address: string, into: DataView, offset: number): void {
  for (let at = 0; at < 16; at += 4) into.setUint32(offset + at, 0);
  const gap = address.indexOf('::');
  const head = gap < 0 ? address : address.slice(0, gap);
  const tail = gap < 0 ? '' : address.slice(gap + 2);
  if (head !== '') writeGroups(head.split(':'), into, offset);
  if (tail === '') return;
  const groups = tail.split(':');
  writeGroups(groups, into, offset + 16 - groups.length * 2);
}

function writeGroups(groups: readonly string[], into: DataView, offset: number): void {
  for (let index = 0; index < groups.length; index++) {
    into.setUint16(offset + index * 2, Number.parseInt(groups[index] ?? '', 16));
  }
}

/** RFC 5952: `::` replaces the longest run of at least two zero groups, the first one if there are several. */
function decodeIpv6(from: DataView, offset: number): string {
  let start = 8;
  let length = 1;
  for (let group = 0; group < 8; ) {
    const run = zeroGroups(from, offset, group);
    if (run > length) {
      start = group;
      length = run;
    }
    group += run + 1;
  }
  let text = '';
  for (let group = 0; group < 8; ) {
    if (group === start) {
      text += '::';
      group += length;
      continue;
    }
    if (group !== 0 && group !== start + length) text += ':';
    text += from.getUint16(offset + group * 2).toString(16);
    group++;
  }
  return text;
}

function zeroGroups(from: DataView, offset: number, first: number): number {
  let group = first;
  while (group < 8 && from.getUint16(offset + group * 2) === 0) group++;
  return group - first;
}

function hexByte(byte: number): string {
  return (byte < 16 ? '0' : '') + byte.toString(16);
}

const zero = 48; // '0'

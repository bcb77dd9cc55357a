// Addresses and MACs as a data path stores them: 16 bytes with IPv4 mapped into IPv6, and 6 bytes, both in network order.
// IPv4 takes a short cut past the address library: a table of connections holds hundreds of thousands of them.

import { type Address, addressFromBytes, mappedBytes } from '../net/address.ts';
import { type Mac, macFromBytes } from '../net/mac.ts';
import type { Codec } from './codec.ts';

/** IPv4 as `::ffff:a.b.c.d` (RFC 4291 section 2.5.5.2). All zero is `::`, the usual sign for no address. */
export const mappedAddress: Codec<Address> = {
  size: 16,
  encode(address, into, offset) {
    if (address.includes(':')) {
      new Uint8Array(into.buffer, into.byteOffset + offset, 16).set(mappedBytes(address));
      return;
    }
    into.setUint32(offset, 0);
    into.setUint32(offset + 4, 0);
    into.setUint32(offset + 8, 0xffff);
    const parts = address.split('.');
    for (let index = 0; index < 4; index++) {
      into.setUint8(offset + 12 + index, Number(parts[index]));
    }
  },
  decode(from, offset) {
    if (isMapped(from, offset)) {
      const at = offset + 12;
      const text = `${from.getUint8(at)}.${from.getUint8(at + 1)}.${from.getUint8(at + 2)}.${from.getUint8(at + 3)}`;
      return text as Address;
    }
    return addressFromBytes(new Uint8Array(from.buffer, from.byteOffset + offset, 16));
  },
};

export const mac: Codec<Mac> = {
  size: 6,
  encode(value, into, offset) {
    for (let index = 0; index < 6; index++) {
      into.setUint8(offset + index, Number.parseInt(value.slice(index * 3, index * 3 + 2), 16));
    }
  },
  decode: (from, offset) => macFromBytes(new Uint8Array(from.buffer, from.byteOffset + offset, 6)),
};

function isMapped(from: DataView, offset: number): boolean {
  return (
    from.getUint32(offset) === 0 &&
    from.getUint32(offset + 4) === 0 &&
    from.getUint32(offset + 8) === 0xffff
  );
}

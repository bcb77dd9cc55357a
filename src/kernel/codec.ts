// Encodes and decodes fixed-size values as the kernel lays them out in memory, at an offset in a DataView. Only this
// file and the generated codecs know byte order.

export interface Codec<T> {
  /** Size in bytes, including padding. */
  readonly size: number;
  encode(value: T, into: DataView, offset: number): void;
  decode(from: DataView, offset: number): T;
}

/** True on all supported machines. bpf(2) structs and map values are in the machine's byte order. */
export const littleEndian: boolean = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

export const u8: Codec<number> = {
  size: 1,
  encode: (value, into, offset) => into.setUint8(offset, value),
  decode: (from, offset) => from.getUint8(offset),
};

export const u16: Codec<number> = {
  size: 2,
  encode: (value, into, offset) => into.setUint16(offset, value, littleEndian),
  decode: (from, offset) => from.getUint16(offset, littleEndian),
};

/** A __be16 as a host-ordered number: ports. */
export const u16be: Codec<number> = {
  size: 2,
  encode: (value, into, offset) => into.setUint16(offset, value, false),
  decode: (from, offset) => from.getUint16(offset, false),
};

export const u32: Codec<number> = {
  size: 4,
  encode: (value, into, offset) => into.setUint32(offset, value, littleEndian),
  decode: (from, offset) => from.getUint32(offset, littleEndian),
};

/** A __be32 as a host-ordered number. */
export const u32be: Codec<number> = {
  size: 4,
  encode: (value, into, offset) => into.setUint32(offset, value, false),
  decode: (from, offset) => from.getUint32(offset, false),
};

/** @library */
export const i32: Codec<number> = {
  size: 4,
  encode: (value, into, offset) => into.setInt32(offset, value, littleEndian),
  decode: (from, offset) => from.getInt32(offset, littleEndian),
};

/** As a number, exact up to 2^53: counters, nanoseconds (2^53 ns are 104 days). */
export const u64: Codec<number> = {
  size: 8,
  encode: (value, into, offset) => {
    into.setUint32(offset + (littleEndian ? 0 : 4), value >>> 0, littleEndian);
    into.setUint32(offset + (littleEndian ? 4 : 0), Math.floor(value / 2 ** 32), littleEndian);
  },
  decode: (from, offset) =>
    from.getUint32(offset + (littleEndian ? 4 : 0), littleEndian) * 2 ** 32 +
    from.getUint32(offset + (littleEndian ? 0 : 4), littleEndian),
};

/**
 * As a bigint, exact: cookies, identifiers, bit sets.
 * @library
 */
export const u64big: Codec<bigint> = {
  size: 8,
  encode: (value, into, offset) => into.setBigUint64(offset, value, littleEndian),
  decode: (from, offset) => from.getBigUint64(offset, littleEndian),
};

/** Raw bytes. Decoding copies. A shorter value is padded with zeros; a longer one is a RangeError. */
export function bytes(size: number): Codec<Uint8Array> {
  return {
    size,
    encode(value, into, offset) {
      const target = new Uint8Array(into.buffer, into.byteOffset + offset, size);
      target.fill(0);
      target.set(value);
    },
    decode: (from, offset) => new Uint8Array(from.buffer, from.byteOffset + offset, size).slice(),
  };
}

/** Zeroes padding, because a key's padding is part of the key. */
export function clear(into: DataView, offset: number, length: number): void {
  for (let at = offset; at < offset + length; at++) into.setUint8(at, 0);
}

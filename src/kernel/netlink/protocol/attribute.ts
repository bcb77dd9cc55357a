// Reads netlink attributes (struct nlattr: length, type, value, padding to four) from an answer.

import type { Address } from '../../../net/address.ts';
import { unfoldedAddress } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { type Mac, macFromBytes } from '../../../net/mac.ts';
import { malformed } from './message.ts';

const headerSize = 4;
// NLA_F_NESTED and NLA_F_NET_BYTEORDER share the type's word.
const typeMask = 0x3fff;

/**
 * The attributes of one message or nest, by type. If a type occurs twice, the last one counts, as in the kernel.
 * Readers return undefined for an absent attribute and throw KernelError EBADMSG for one that is too short. Everything
 * read is a copy, so the buffer can be reused.
 */
export class Attributes {
  // Searched for each type: an index costs more to build than it saves, and a dump has thousands of messages.
  readonly #bytes: Buffer;

  /** Throws KernelError EBADMSG if a length does not fit. */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
    check(bytes);
  }

  has(type: number): boolean {
    return this.#find(type) >= 0;
  }

  u8(type: number): number | undefined {
    const start = this.#start(type, 1);
    return start === undefined ? undefined : this.#bytes.readUInt8(start);
  }

  u16BigEndian(type: number): number | undefined {
    const start = this.#start(type, 2);
    return start === undefined ? undefined : this.#bytes.readUInt16BE(start);
  }

  u32(type: number): number | undefined {
    const start = this.#start(type, 4);
    return start === undefined ? undefined : this.#bytes.readUInt32LE(start);
  }

  i32(type: number): number | undefined {
    const start = this.#start(type, 4);
    return start === undefined ? undefined : this.#bytes.readInt32LE(start);
  }

  u32BigEndian(type: number): number | undefined {
    const start = this.#start(type, 4);
    return start === undefined ? undefined : this.#bytes.readUInt32BE(start);
  }

  /** A counter, exact up to 2^53. */
  u64BigEndian(type: number): number | undefined {
    const start = this.#start(type, 8);
    return start === undefined ? undefined : Number(this.#bytes.readBigUInt64BE(start));
  }

  text(type: number): string | undefined {
    const start = this.#find(type);
    if (start < 0) return undefined;
    const full = this.#end(start);
    const terminator = this.#bytes.indexOf(0, start);
    const end = terminator >= 0 && terminator < full ? terminator : full;
    return this.#bytes.toString('utf8', start, end);
  }

  ifIndex(type: number): IfIndex | undefined {
    return this.u32(type) as IfIndex | undefined;
  }

  /** Also undefined for a link-layer address of other than six bytes (tunnels, InfiniBand). */
  mac(type: number): Mac | undefined {
    const bytes = this.view(type);
    return bytes?.length === 6 ? macFromBytes(bytes) : undefined;
  }

  address(type: number): Address | undefined {
    const bytes = this.view(type);
    return bytes === undefined ? undefined : decodeAddress(bytes);
  }

  nested(type: number): Attributes | undefined {
    const bytes = this.view(type);
    return bytes === undefined ? undefined : new Attributes(bytes);
  }

  /** A view of the value, for immediate use. */
  view(type: number): Buffer | undefined {
    const start = this.#find(type);
    return start < 0 ? undefined : this.#bytes.subarray(start, this.#end(start));
  }

  #start(type: number, size: number): number | undefined {
    const start = this.#find(type);
    if (start < 0) return undefined;
    const length = this.#end(start) - start;
    if (length < size) {
      throw malformed(`attribute ${type} of ${length} bytes, ${size} expected`);
    }
    return start;
  }

  /** Offset of the value of the last attribute of that type; negative: there is none. */
  #find(type: number): number {
    const bytes = this.#bytes;
    let found = -1;
    for (let start = 0; start + headerSize <= bytes.length; ) {
      if ((bytes.readUInt16LE(start + 2) & typeMask) === type) found = start + headerSize;
      start += (bytes.readUInt16LE(start) + 3) & ~3;
    }
    return found;
  }

  #end(start: number): number {
    return start - headerSize + this.#bytes.readUInt16LE(start - headerSize);
  }
}

/** Views of the values of a list in which one type repeats (NFTA_LIST_ELEM). Throws KernelError EBADMSG. */
export function listElements(bytes: Buffer): readonly Buffer[] {
  const elements: Buffer[] = [];
  for (let start = 0; start + headerSize <= bytes.length; ) {
    const length = bytes.readUInt16LE(start);
    if (length < headerSize || start + length > bytes.length) {
      throw malformed(`element of ${length} bytes at ${start}, ${bytes.length - start} are there`);
    }
    elements.push(bytes.subarray(start + headerSize, start + length));
    start += (length + 3) & ~3;
  }
  return elements;
}

/** Throws KernelError EBADMSG if a length does not fit. */
function check(bytes: Buffer): void {
  for (let start = 0; start + headerSize <= bytes.length; ) {
    const length = bytes.readUInt16LE(start);
    if (length < headerSize || start + length > bytes.length) {
      throw malformed(
        `attribute of ${length} bytes at ${start}, ${bytes.length - start} are there`,
      );
    }
    start += (length + 3) & ~3;
  }
}

/**
 * Accepts 4 or 16 bytes. Unlike the data path's keys, netlink distinguishes families, so an IPv4-mapped address stays
 * IPv6 here (`unreachable ::ffff:0:0/96` is a route that distributions set).
 */
export function decodeAddress(bytes: Uint8Array): Address {
  if (bytes.length !== 4 && bytes.length !== 16) {
    throw malformed(`address of ${bytes.length} bytes`);
  }
  // Unrolled, because dumps have thousands of these.
  if (bytes.length === 4) return `${bytes[0]}.${bytes[1]}.${bytes[2]}.${bytes[3]}` as Address;
  return unfoldedAddress(bytes);
}

// Netlink messages as bytes (linux/netlink.h): builds requests and splits datagrams from the kernel. Netlink uses the
// host's byte order; little-endian is assumed, as on all supported machines (x64, arm64).

import { KernelError } from '../../errno.ts';

export const messageTypes = { error: 2, done: 3, overrun: 4 } as const;

/** NLM_F_*. The same bits have different meanings in get requests, create requests and answers. */
export const messageFlags = {
  request: 0x1,
  acknowledge: 0x4,
  echo: 0x8,
  dumpInterrupted: 0x10,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  dump: 0x300,
  extendedAck: 0x200,
  cappedAck: 0x100,
} as const;

const headerSize = 16;
const nested = 0x8000;

/** Appends messages to one growing buffer. Values are in host order unless the method's name says otherwise. */
export class MessageWriter {
  #buffer = Buffer.alloc(1024);
  #length = 0;
  #start = 0;

  /** The bytes written so far: a view, valid until the next write. */
  get bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  clear(): void {
    this.#length = 0;
  }

  begin(type: number, flags: number, sequence: number): this {
    this.#start = this.#length;
    return this.u32(0).u16(type).u16(flags).u32(sequence).u32(0);
  }

  end(): void {
    this.#buffer.writeUInt32LE(this.#length - this.#start, this.#start);
  }

  u8(value: number): this {
    const start = this.#grow(1);
    this.#buffer.writeUInt8(value, start);
    return this;
  }

  u16(value: number): this {
    const start = this.#grow(2);
    this.#buffer.writeUInt16LE(value, start);
    return this;
  }

  u32(value: number): this {
    const start = this.#grow(4);
    this.#buffer.writeUInt32LE(value, start);
    return this;
  }

  /** An attribute with these bytes, padded to four. */
  attribute(type: number, value: Uint8Array): this {
    const start = this.#attributeHeader(type, value.length);
    this.#buffer.set(value, start);
    return this;
  }

  /** An attribute without a value; its presence is the information. */
  flag(type: number): this {
    this.#attributeHeader(type, 0);
    return this;
  }

  u8Attribute(type: number, value: number): this {
    const start = this.#attributeHeader(type, 1);
    this.#buffer.writeUInt8(value, start);
    return this;
  }

  u16BigEndianAttribute(type: number, value: number): this {
    const start = this.#attributeHeader(type, 2);
    this.#buffer.writeUInt16BE(value, start);
    return this;
  }

  u32Attribute(type: number, value: number): this {
    const start = this.#attributeHeader(type, 4);
    this.#buffer.writeUInt32LE(value, start);
    return this;
  }

  u32BigEndianAttribute(type: number, value: number): this {
    const start = this.#attributeHeader(type, 4);
    this.#buffer.writeUInt32BE(value, start);
    return this;
  }

  /** Zero-terminated, as the kernel's NLA_NUL_STRING requires. */
  textAttribute(type: number, value: string): this {
    return this.attribute(type, Buffer.from(`${value}\0`));
  }

  /** An attribute with the contents that `fill` writes. */
  nest(type: number, fill: () => void): this {
    return this.sized(() => {
      this.u16(type | nested);
      fill();
    });
  }

  /** The contents that `fill` writes, preceded by two bytes with the total length. */
  sized(fill: () => void): this {
    const start = this.#grow(2);
    fill();
    this.#buffer.writeUInt16LE(this.#length - start, start);
    return this;
  }

  #attributeHeader(type: number, valueLength: number): number {
    const padded = (valueLength + 3) & ~3;
    const start = this.#grow(4 + padded);
    this.#buffer.writeUInt16LE(4 + valueLength, start);
    this.#buffer.writeUInt16LE(type, start + 2);
    // The buffer is reused: padding must not contain bytes of an earlier message.
    if (padded > 0) this.#buffer.writeUInt32LE(0, start + padded);
    return start + 4;
  }

  /** Offset for writing; the buffer may be replaced. */
  #grow(count: number): number {
    const start = this.#length;
    this.#length = start + count;
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.#length));
      larger.set(this.#buffer.subarray(0, start));
      this.#buffer = larger;
    }
    return start;
  }
}

/** One message of a datagram; `payload` is a view of the datagram. */
export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly payload: Buffer;
}

/** Splits a datagram into messages. Throws KernelError EBADMSG if a length does not fit. */
export function splitMessages(datagram: Buffer): readonly Message[] {
  const messages: Message[] = [];
  for (let start = 0; start < datagram.length; ) {
    const left = datagram.length - start;
    const length = left < headerSize ? 0 : datagram.readUInt32LE(start);
    if (length < headerSize || length > left) {
      throw malformed(`message of ${length} bytes at ${start}, ${left} bytes are there`);
    }
    messages.push({
      type: datagram.readUInt16LE(start + 4),
      flags: datagram.readUInt16LE(start + 6),
      sequence: datagram.readUInt32LE(start + 8),
      payload: datagram.subarray(start + headerSize, start + length),
    });
    start += (length + 3) & ~3;
  }
  return messages;
}

/** An answer of the kernel that violates netlink's rules: a bug on either side, never the caller's fault. */
export function malformed(detail: string): KernelError {
  return new KernelError({ call: 'netlink', subject: 'parse', code: 'EBADMSG', detail });
}

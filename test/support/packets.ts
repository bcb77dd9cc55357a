// Packets for tests, as bytes from the Ethernet header on: one function per header, each around its payload. IP and
// transport checksums stay zero: the data path reads none, and a test run sends nothing.

import { type Address, addressBytes, addressFamily } from '../../src/net/address.ts';
import { type Mac, macBytes } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';

/** For tests of both families. */
export const families = [4, 6] as const;
export const etherTypes = { ipv4: 0x0800, arp: 0x0806, vlan: 0x8100, ipv6: 0x86dd } as const;
export const tcpFlags = { fin: 0x01, syn: 0x02, rst: 0x04, psh: 0x08, ack: 0x10 } as const;
export const nextHeaders = {
  hopByHop: 0,
  routing: 43,
  fragment: 44,
  authentication: 51,
  none: 59,
  destinationOptions: 60,
} as const;

export interface EthernetHeader {
  readonly source: Mac;
  readonly destination: Mac;
  readonly type: number;
}

export function ethernet(header: EthernetHeader, payload: Uint8Array): Uint8Array {
  return joined(macBytes(header.destination), macBytes(header.source), words(header.type), payload);
}

export interface IpHeader {
  readonly source: Address;
  readonly destination: Address;
  readonly protocol: number;
  /** IPv4: bytes, a multiple of four. */
  readonly options?: Uint8Array;
  /** IPv4: in bytes, a multiple of eight. */
  readonly fragmentOffset?: number;
  readonly moreFragments?: boolean;
  /** The length in the header, if it is wrong: IPv4's total length, IPv6's payload length. */
  readonly claimedLength?: number;
}

/** Of the source's family. */
export function ip(header: IpHeader, payload: Uint8Array): Uint8Array {
  return addressFamily(header.source) === 4 ? ipv4(header, payload) : ipv6(header, payload);
}

function ipv4(header: IpHeader, payload: Uint8Array): Uint8Array {
  const { options = new Uint8Array(), fragmentOffset = 0, moreFragments = false } = header;
  const headerLength = 20 + options.length;
  const fixed = joined(
    [0x40 | (headerLength / 4), 0],
    words(header.claimedLength ?? headerLength + payload.length),
    words(0x1234, (moreFragments ? 0x2000 : 0) | (fragmentOffset / 8)),
    [64, header.protocol, 0, 0],
  );
  return joined(
    fixed,
    addressBytes(header.source),
    addressBytes(header.destination),
    options,
    payload,
  );
}

function ipv6(header: IpHeader, payload: Uint8Array): Uint8Array {
  return joined(
    [0x60, 0, 0, 0],
    words(header.claimedLength ?? payload.length),
    [header.protocol, 64],
    addressBytes(header.source),
    addressBytes(header.destination),
    payload,
  );
}

/** An IPv6 extension header of `length` bytes (a multiple of eight; authentication: of four) before `payload`. */
export function extension(
  header: { readonly kind: number; readonly next: number; readonly length?: number },
  payload: Uint8Array,
): Uint8Array {
  const { kind, next, length = 8 } = header;
  const body = new Uint8Array(length);
  body[0] = next;
  body[1] = kind === nextHeaders.authentication ? length / 4 - 2 : length / 8 - 1;
  return joined(body, payload);
}

/** IPv6's fragment header (RFC 8200 4.5); `offset` in bytes, a multiple of eight. */
export function fragment(
  header: { readonly next: number; readonly offset: number; readonly more?: boolean },
  payload: Uint8Array,
): Uint8Array {
  const { next, offset, more = false } = header;
  return joined([next, 0], words(offset | (more ? 1 : 0)), [0, 0, 0x12, 0x34], payload);
}

export interface Ports {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export interface TcpHeader extends Ports {
  readonly flags: number;
  /** In words of four bytes; 5 is a header without options (default). */
  readonly dataOffset?: number;
}

export function tcp(header: TcpHeader, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const { sourcePort, destinationPort, flags, dataOffset = 5 } = header;
  const fixed = joined(
    words(sourcePort, destinationPort),
    [0, 0, 0, 1, 0, 0, 0, 1, dataOffset << 4, flags],
    words(0xffff, 0, 0),
  );
  const options = new Uint8Array(Math.max(0, dataOffset * 4 - 20));
  return joined(fixed, options, payload);
}

export function udp(header: Ports, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const { sourcePort, destinationPort } = header;
  return joined(words(sourcePort, destinationPort, 8 + payload.length, 0), payload);
}

/** Only the common header. */
export function sctp(header: Ports, payload: Uint8Array = new Uint8Array()): Uint8Array {
  const { sourcePort, destinationPort } = header;
  return joined(words(sourcePort, destinationPort), new Uint8Array(8), payload);
}

const icmpTypes = {
  4: { echoRequest: 8, echoReply: 0, error: 3, errorCode: 4 },
  6: { echoRequest: 128, echoReply: 129, error: 2, errorCode: 0 },
} as const;

/** ICMP and ICMPv6 differ here only in their numbers. */
export function icmpEcho(
  family: 4 | 6,
  header: { readonly id: number; readonly reply?: boolean },
): Uint8Array {
  const { echoRequest, echoReply } = icmpTypes[family];
  const type = header.reply ? echoReply : echoRequest;
  return joined([type, 0], words(0, header.id, 1), new Uint8Array(8));
}

/** Any ICMP or ICMPv6 error, about the packet `about` (from its IP header on). */
export function icmpError(type: number, about: Uint8Array): Uint8Array {
  return joined([type, 0], words(0, 0, 1280), about);
}

/** "Fragmentation needed" or "packet too big", about the packet `about` (from its IP header on). */
export function icmpTooBig(family: 4 | 6, about: Uint8Array): Uint8Array {
  const { error, errorCode } = icmpTypes[family];
  return joined([error, errorCode], words(0, 0, 1280), about);
}

export function icmpProtocol(family: 4 | 6): number {
  return family === 4 ? protocols.icmp : protocols.icmpv6;
}

export function joined(...parts: readonly ArrayLike<number>[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** 16-bit words in network order. */
function words(...values: readonly number[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(values.length * 2));
  for (const [index, value] of values.entries()) bytes.setUint16(index * 2, value);
  return new Uint8Array(bytes.buffer);
}

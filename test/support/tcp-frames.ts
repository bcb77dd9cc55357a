// TCP segments and ICMP errors about them as frames with right checksums, and segments that were captured.

import {
  type Address,
  addressBytes,
  addressFromBytes,
  parseAddress,
} from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import type { Capture } from './capture.ts';
import { type Ends, frame } from './forged-frames.ts';
import { onesComplementSum } from './outer-headers.ts';
import { icmpProtocol, icmpTooBig, ip, joined, tcp } from './packets.ts';

export interface Segment {
  readonly source: string;
  readonly destination: string;
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly flags: number;
  readonly sequence: number;
  readonly acknowledged: number;
  readonly bytes?: number;
}

/** Its frame, to and from the MACs in `link`. */
export function segmentFrame(
  segment: Segment,
  link: Pick<Ends, 'sourceMac' | 'destinationMac'>,
): Uint8Array {
  const { source, destination } = segment;
  return frame({ source, destination, ...link }, [protocols.tcp, segmentBytes(segment)]);
}

/** The frame of its receiver's error: the segment is too long. */
export function tooBigFrame(
  segment: Segment,
  link: Pick<Ends, 'sourceMac' | 'destinationMac'>,
): Uint8Array {
  const [source, destination] = [segment.source, segment.destination].map((text) =>
    parseAddress(text),
  ) as [Address, Address];
  const family = segment.source.includes(':') ? 6 : 4;
  const quoted = ip({ source, destination, protocol: protocols.tcp }, segmentBytes(segment));
  const ends = { source: segment.destination, destination: segment.source };
  const protocol = icmpProtocol(family);
  const message = icmpTooBig(family, quoted);
  return frame({ ...ends, ...link }, [protocol, summed(ends, message, { protocol, at: 2 })]);
}

export interface Arrived {
  readonly segments: readonly Segment[];
  /** Number of path-MTU errors. */
  readonly errors: number;
}

/** What has arrived since the last call at the interface with that MAC. */
export function arrivedAt(capture: Capture, mac: Uint8Array): Arrived {
  const packets = capture
    .frames()
    .filter((bytes) => Buffer.from(bytes.subarray(0, 6)).equals(mac))
    .map((bytes) => Buffer.from(bytes.subarray(14)));
  return { segments: packets.flatMap(readSegment), errors: packets.filter(isTooBig).length };
}

function segmentBytes(segment: Segment): Uint8Array {
  const { sourcePort, destinationPort, flags, sequence, acknowledged, bytes = 0 } = segment;
  const message = tcp({ sourcePort, destinationPort, flags }, new Uint8Array(bytes));
  const view = new DataView(message.buffer);
  view.setUint32(4, sequence);
  view.setUint32(8, acknowledged);
  return summed(segment, message, { protocol: protocols.tcp, at: 16 });
}

function summed(
  { source, destination }: Pick<Ends, 'source' | 'destination'>,
  message: Uint8Array,
  { protocol, at }: { readonly protocol: number; readonly at: number },
): Uint8Array {
  const bytes = Uint8Array.from(message);
  const ends = [source, destination].map((text) => addressBytes(parseAddress(text)));
  const length = [0, 0, bytes.length >> 8, bytes.length & 0xff];
  // IPv4's ICMP is the only one without a pseudo header.
  const pseudo =
    protocol === protocols.icmp ? new Uint8Array() : joined(...ends, length, [0, 0, 0, protocol]);
  new DataView(bytes.buffer).setUint16(at, ~onesComplementSum(joined(pseudo, bytes)) & 0xffff);
  return bytes;
}

function readSegment(packet: Buffer): readonly Segment[] {
  const isIpv4 = isOfIpv4(packet);
  const [headerBytes, protocolAt, addressAt, length] = isIpv4 ? [20, 9, 12, 4] : [40, 6, 8, 16];
  if (packet.length < headerBytes + 20 || packet.readUInt8(protocolAt) !== protocols.tcp) return [];
  const of = packet.subarray(headerBytes);
  const address = (at: number): string => addressFromBytes(packet.subarray(at, at + length));
  return [
    {
      source: address(addressAt),
      destination: address(addressAt + length),
      sourcePort: of.readUInt16BE(0),
      destinationPort: of.readUInt16BE(2),
      sequence: of.readUInt32BE(4),
      acknowledged: of.readUInt32BE(8),
      flags: of.readUInt8(13),
    },
  ];
}

function isTooBig(packet: Buffer): boolean {
  if (packet.length < 48) return false;
  if (isOfIpv4(packet)) return packet[9] === protocols.icmp && packet.readUInt16BE(20) === 0x0304;
  return packet[6] === protocols.icmpv6 && packet[40] === 2;
}

function isOfIpv4(packet: Buffer): boolean {
  return packet.length > 0 && packet.readUInt8(0) >> 4 === 4;
}

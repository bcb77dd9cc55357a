// A packet's headers, read a second time from docs/datapath.md for the oracle, with all their faults.

import { type DropReason, dropReason } from '../../src/datapath/generated.ts';
import { type Address, addressFromBytes } from '../../src/net/address.ts';
import { protocols } from '../../src/net/protocol.ts';
import { places } from './datapath-network.ts';
import { readOwner } from './owner-oracle.ts';
import { etherTypes, nextHeaders } from './packets.ts';

export interface Headers {
  /** The reason why the packet cannot be read as far as its addresses. */
  readonly network?: DropReason;
  /** The reason why its transport header cannot be read. */
  readonly transport?: DropReason;
  readonly family: 4 | 6;
  readonly source: Address;
  readonly destination: Address;
  /** Length of the IP packet. */
  readonly length: number;
  /** Absent: a later fragment. */
  readonly protocol?: number;
  readonly destinationPort?: number;
  /** Any fragment, including the first one. */
  readonly isPiece: boolean;
  /** ICMP type, if the ICMP is of the packet's own family. */
  readonly icmpType?: number;
  readonly quoted?: Quoted;
  /** Only the stack's connection tracking could decide otherwise, and it has no entry. */
  readonly direct: boolean;
  readonly byFlow?: boolean;
}

/** The packet that an ICMP error quotes. */
interface Quoted {
  readonly source: Address;
  readonly destination: Address;
}

export function read(packet: Uint8Array): Headers {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const type = view.getUint16(12);
  if (type === etherTypes.ipv4) return readIpv4(view);
  if (type === etherTypes.ipv6) return readIpv6(view);
  return unreadable(dropReason.notIp);
}

type Ends = Pick<Headers, 'family' | 'source' | 'destination'>;

const { world } = places;
const noEnds: Ends = { family: 4, source: world[4], destination: world[4] };

/** `ends`: the addresses, if they can be read nevertheless. */
function unreadable(network: DropReason, ends = noEnds): Headers {
  return { network, ...ends, length: 0, isPiece: false, direct: true };
}

function readIpv4(view: DataView): Headers {
  const ip = 14;
  if (view.byteLength < ip + 20) return unreadable(dropReason.malformed);
  const headerLength = (view.getUint8(ip) & 0xf) * 4;
  const length = view.getUint16(ip + 2);
  if (view.getUint8(ip) >> 4 !== 4 || headerLength < 20) return unreadable(dropReason.malformed);
  const ends: Ends = {
    family: 4,
    source: addressAtOffset(view, ip + 12, 4),
    destination: addressAtOffset(view, ip + 16, 4),
  };
  const wrong = length < headerLength || ip + length > view.byteLength;
  if (wrong) return unreadable(dropReason.malformed, ends);
  if (isSourceRouted(view, ip + headerLength)) return unreadable(dropReason.sourceRoute, ends);
  const isLater = (view.getUint16(ip + 6) & 0x1fff) !== 0;
  const isPiece = (view.getUint16(ip + 6) & 0x3fff) !== 0;
  const protocol = isLater ? undefined : view.getUint8(ip + 9);
  return {
    ...ends,
    length,
    isPiece,
    ...readOwner(view, { family: 4, protocol, start: ip + headerLength, isPiece }),
    ...readTransport(view, { protocol, start: ip + headerLength, end: ip + length }),
    ...readIcmp(view, { family: 4, protocol, start: ip + headerLength }),
  };
}

/** Options extend to `end`; an option without room for its length does not count. */
function isSourceRouted(view: DataView, end: number): boolean {
  for (let at = 34; at + 1 < end; ) {
    const kind = view.getUint8(at);
    if (kind === 0) return false;
    if (kind === 0x83 || kind === 0x89) return true;
    at += kind === 1 ? 1 : Math.max(1, view.getUint8(at + 1));
  }
  return false;
}

const extensions: readonly number[] = [
  nextHeaders.hopByHop,
  nextHeaders.routing,
  nextHeaders.fragment,
  nextHeaders.authentication,
  nextHeaders.destinationOptions,
];

function readIpv6(view: DataView): Headers {
  const ip = 14;
  if (view.byteLength < ip + 40 || view.getUint8(ip) >> 4 !== 6) {
    return unreadable(dropReason.malformed);
  }
  const ends: Ends = {
    family: 6,
    source: addressAtOffset(view, ip + 8, 16),
    destination: addressAtOffset(view, ip + 24, 16),
  };
  const malformed = unreadable(dropReason.malformed, ends);
  if (standsForIpv4(view, ip + 8) || standsForIpv4(view, ip + 24)) return malformed;
  const end = ip + 40 + view.getUint16(ip + 4);
  let protocol: number | undefined = view.getUint8(ip + 6);
  let start = ip + 40;
  let isPiece = false;
  for (let walked = 0; protocol !== undefined && extensions.includes(protocol); walked++) {
    if (walked === 6) return unreadable(dropReason.extensionHeaders, ends);
    if (start + 8 > view.byteLength) return malformed;
    if (protocol === nextHeaders.routing && view.getUint8(start + 3) !== 0) {
      return unreadable(dropReason.sourceRoute, ends);
    }
    const isFragment: boolean = protocol === nextHeaders.fragment;
    const isLater: boolean = isFragment && (view.getUint16(start + 2) & 0xfff8) !== 0;
    if (isFragment) isPiece = (view.getUint16(start + 2) & 0xfff9) !== 0;
    const next = view.getUint8(start);
    const units = view.getUint8(start + 1);
    if (isFragment) start += 8;
    else start += protocol === nextHeaders.authentication ? (units + 2) * 4 : (units + 1) * 8;
    protocol = isLater ? undefined : next;
  }
  if (end > view.byteLength || start > end) return malformed;
  return {
    ...ends,
    length: end - ip,
    isPiece,
    ...readOwner(view, { family: 6, protocol, start, isPiece }),
    ...readTransport(view, { protocol, start, end }),
    ...readIcmp(view, { family: 6, protocol, start }),
  };
}

/** ::ffff:0:0/96 and ::/96, except :: and ::1. */
function standsForIpv4(view: DataView, offset: number): boolean {
  if (view.getBigUint64(offset) !== 0n) return false;
  const low = view.getBigUint64(offset + 8);
  return low >> 32n === 0xffffn || (low >> 32n === 0n && low > 1n);
}

function readIcmp(
  view: DataView,
  where: { readonly family: 4 | 6; readonly protocol: number | undefined; readonly start: number },
): Pick<Headers, 'icmpType' | 'quoted'> {
  const { family, protocol, start } = where;
  const own = family === 4 ? protocols.icmp : protocols.icmpv6;
  if (protocol !== own || start + 8 > view.byteLength) return {};
  const icmpType = view.getUint8(start);
  const at = start + 8;
  if (at + (family === 4 ? 20 : 40) > view.byteLength) return { icmpType };
  const version = view.getUint8(at) >> 4;
  if (version !== family || (family === 4 && (view.getUint8(at) & 0xf) < 5)) return { icmpType };
  const source =
    family === 4 ? addressAtOffset(view, at + 12, 4) : addressAtOffset(view, at + 8, 16);
  const destination =
    family === 4 ? addressAtOffset(view, at + 16, 4) : addressAtOffset(view, at + 24, 16);
  return { icmpType, quoted: { source, destination } };
}

const leastBytes: Readonly<Record<number, number>> = {
  [protocols.tcp]: 20,
  [protocols.udp]: 8,
  136: 8,
  [protocols.sctp]: 12,
  [protocols.icmp]: 8,
  [protocols.icmpv6]: 8,
};

/** A later fragment has no protocol. */
function readTransport(
  view: DataView,
  where: { readonly protocol: number | undefined; readonly start: number; readonly end: number },
): Pick<Headers, 'transport' | 'protocol' | 'destinationPort'> {
  const { protocol, start, end } = where;
  if (protocol === undefined) return {};
  const needed = leastBytes[protocol] ?? 0;
  if (needed === 0) return { protocol };
  if (start + needed > end) return { transport: dropReason.malformed };
  if (protocol !== protocols.tcp) return { protocol, destinationPort: view.getUint16(start + 2) };
  const claimed = (view.getUint8(start + 12) >> 4) * 4;
  return claimed < 20 || start + claimed > end ? { transport: dropReason.malformed } : { protocol };
}

function addressAtOffset(view: DataView, offset: number, length: 4 | 16): Address {
  const bytes = new Uint8Array(view.buffer, view.byteOffset + offset, length);
  return addressFromBytes(bytes);
}

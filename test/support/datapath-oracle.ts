// What the data path ought to do with a packet, worked out a second time from docs/datapath.md, in plain TypeScript and in
// no hurry: the measure for test runs on random packets.

import {
  type DropReason,
  dropReason,
  type ProgramName,
  routeKind,
} from '../../src/datapath/generated.ts';
import {
  type Address,
  addressFamily,
  addressFromBytes,
  parseAddress,
} from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { macFromBytes } from '../../src/net/mac.ts';
import { type Prefix, parsePrefix, prefixContains, prefixFamily } from '../../src/net/prefix.ts';
import { protocols } from '../../src/net/protocol.ts';
import {
  db,
  gatewayMac,
  hostMac,
  nativeMtuBytes,
  type Pod,
  places,
  routes,
  tunnelEnds,
  tunnelMtuBytes,
  tunnelPort,
  web,
} from './datapath-network.ts';
import { readOwner } from './owner-oracle.ts';
import { etherTypes, nextHeaders } from './packets.ts';

export interface Judgement {
  readonly verdict: 'next' | 'pass' | 'drop' | 'redirect';
  readonly reason: DropReason;
  /** Endpoints whose traffic counters it raises. */
  readonly sender?: Pod;
  readonly receiver?: Pod;
  /** Whether it goes straight on depends on what was sent before; this is what happens to the first of a flow. */
  readonly byFlow?: boolean;
  /** It goes to the tunnel's IPv4 end, encapsulated by from_pod itself where the uplink allows (giveExit). */
  readonly tunnelled?: boolean;
}

const pods = [web, db];

/** For from_pod, to_pod, from_network and from_overlay; packets without segments. */
export function judge(program: ProgramName, packet: Uint8Array, ifIndex: IfIndex): Judgement {
  const own = pods.find((pod) => pod.ifIndex === ifIndex);
  const { byFlow } = read(packet);
  return { ...judgeAlone(program, packet, own), ...(byFlow ? { byFlow } : {}) };
}

function judgeAlone(program: ProgramName, packet: Uint8Array, own: Pod | undefined): Judgement {
  if (program === 'from_pod') return judgeFromPod(packet, own);
  if (program === 'to_pod') {
    const reason = reasonAtPod(read(packet), own);
    if (reason !== dropReason.none || own === undefined) return { verdict: 'drop', reason };
    return { verdict: 'pass', reason, receiver: own };
  }
  return judgeArrival(program, packet);
}

function reasonAtPod(headers: Headers, own: Pod | undefined): DropReason {
  const reason = headers.network ?? headers.transport;
  if (reason !== undefined) return reason;
  if (staysOnLink(headers)) return dropReason.linkLocal;
  return own === undefined ? dropReason.unknownEndpoint : dropReason.none;
}

function judgeFromPod(packet: Uint8Array, own: Pod | undefined): Judgement {
  const headers = read(packet);
  const reason = reasonAtPod(headers, own);
  if (reason !== dropReason.none || own === undefined) return { verdict: 'drop', reason };
  if (macFromBytes(packet.subarray(6, 12)) !== own.mac) {
    return { verdict: 'drop', reason: dropReason.spoofedMac };
  }
  if (headers.source !== own[headers.family]) {
    return { verdict: 'drop', reason: dropReason.spoofedAddress };
  }
  const refused = refusal(headers);
  if (refused !== undefined) return { verdict: 'drop', reason: refused };
  const none = dropReason.none;
  const receiver = podAt(headers.destination);
  const upTheStack: Judgement = { verdict: 'pass', reason: none, sender: own };
  if (receiver !== undefined) {
    if (!headers.direct) return upTheStack;
    return { verdict: 'redirect', reason: none, sender: own, receiver };
  }
  if (isNode(headers.destination)) return upTheStack;
  const { kind, nextHop } = foundRoute(headers.destination, headers.family) ?? {};
  if (kind === routeKind.node) return { verdict: 'pass', reason: none, sender: own };
  if (kind === routeKind.local) return { verdict: 'pass', reason: dropReason.noEndpoint };
  const limit = kind === routeKind.overlay ? tunnelMtuBytes : nativeMtuBytes;
  const onward = kind !== undefined && headers.length <= limit && headers.direct;
  if (!onward) return upTheStack;
  const overIpv4 =
    kind === routeKind.overlay && nextHop !== undefined && addressFamily(nextHop) === 4;
  // The frame goes as a whole, with whatever stands behind its IP packet.
  const tunnelled = overIpv4 && packet.length - 14 <= tunnelMtuBytes;
  return { verdict: 'redirect', reason: none, sender: own, tunnelled };
}

const martians = ['127.0.0.0/8', '0.0.0.0/8', '::/128', '::1/128'].map((text) => parsePrefix(text));

/** What a pod may not send as itself. */
function refusal(headers: Headers): DropReason | undefined {
  const { family, source, destination, protocol, destinationPort, icmpType, quoted } = headers;
  if (isIn(martians, destination)) return dropReason.martian;
  if (protocol === protocols.udp && destinationPort === tunnelPort) {
    const isNodes = routeTo(destination, family) === routeKind.node;
    if (isNodes || isNode(destination)) return dropReason.tunnelPort;
  }
  if (icmpType === undefined) return undefined;
  const isError = family === 4 ? [3, 4, 5, 11, 12].includes(icmpType) : icmpType < 128;
  if (family === 6 && icmpType >= 133 && icmpType <= 137) return dropReason.neighbourDiscovery;
  const isHonest = quoted?.source === destination && quoted.destination === source;
  return isError && !isHonest ? dropReason.forgedError : undefined;
}

/** Of the tunnel that the packet came out of: the usual one, of the node that has `places.tunnelled`. */
function hasOwner({ source, family }: Headers): boolean {
  const { kind, nextHop } = foundRoute(source, family) ?? {};
  const isRemote = kind === routeKind.overlay || kind === routeKind.node;
  return isRemote && nextHop === tunnelEnds.tunnelled;
}

/** For a pod here: what never comes in by the uplink. */
function isSpoofedOutside({ source, family }: Headers): boolean {
  const kind = routeTo(source, family);
  if (kind === undefined) return isNode(source) || podAt(source) !== undefined;
  return kind === routeKind.local || kind === routeKind.overlay;
}

function judgeArrival(program: ProgramName, packet: Uint8Array): Judgement {
  const headers = read(packet);
  const none = dropReason.none;
  const { network, transport } = headers;
  const isUplink = program === 'from_network';
  const forUs = macFromBytes(packet.subarray(0, 6)) === hostMac;
  if (isUplink && (network !== undefined || !forUs)) return { verdict: 'next', reason: none };
  if (network !== undefined) return { verdict: 'drop', reason: network };
  const receiver = podAt(headers.destination);
  if (isUplink && receiver !== undefined && isSpoofedOutside(headers)) {
    return { verdict: 'drop', reason: transport ?? dropReason.spoofedOutside };
  }
  if (!isUplink && !hasOwner(headers)) {
    return { verdict: 'drop', reason: transport ?? dropReason.spoofedTunnel };
  }
  const fromRemotePod = routeTo(headers.source, headers.family) === routeKind.native;
  if (isUplink && !fromRemotePod) return { verdict: 'next', reason: none };
  if (receiver !== undefined) {
    if (transport !== undefined) return { verdict: 'drop', reason: transport };
    const isNodes = routeTo(headers.source, headers.family) === routeKind.node;
    if (!headers.direct || isNodes) return { verdict: 'next', reason: none };
    return { verdict: 'redirect', reason: none, receiver };
  }
  if (isUplink || isNode(headers.destination)) return { verdict: 'next', reason: none };
  if (staysOnLink(headers)) return { verdict: 'drop', reason: dropReason.linkLocal };
  if (routeTo(headers.destination, headers.family) === routeKind.local) {
    return { verdict: 'next', reason: dropReason.noEndpoint };
  }
  return { verdict: 'drop', reason: dropReason.noTunnel };
}

interface Headers {
  /** Why the packet cannot be read as far as its addresses. */
  readonly network?: DropReason;
  /** Why its transport header cannot be read. */
  readonly transport?: DropReason;
  readonly family: 4 | 6;
  readonly source: Address;
  readonly destination: Address;
  /** Of the IP packet. */
  readonly length: number;
  /** Absent: a later fragment. */
  readonly protocol?: number;
  readonly destinationPort?: number;
  /** Of the packet's own family. */
  readonly icmpType?: number;
  readonly quoted?: Quoted;
  /** Nothing but the stack's connection tracking could say otherwise, and it is asked in vain. */
  readonly direct: boolean;
  readonly byFlow?: boolean;
}

/** What an ICMP error is about. */
interface Quoted {
  readonly source: Address;
  readonly destination: Address;
}

function read(packet: Uint8Array): Headers {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const type = view.getUint16(12);
  if (type === etherTypes.ipv4) return readIpv4(view);
  if (type === etherTypes.ipv6) return readIpv6(view);
  return unreadable(dropReason.notIp);
}

function unreadable(network: DropReason): Headers {
  const { world } = places;
  return { network, family: 4, source: world[4], destination: world[4], length: 0, direct: true };
}

function readIpv4(view: DataView): Headers {
  const ip = 14;
  if (view.byteLength < ip + 20) return unreadable(dropReason.malformed);
  const headerLength = (view.getUint8(ip) & 0xf) * 4;
  const length = view.getUint16(ip + 2);
  const wrong =
    view.getUint8(ip) >> 4 !== 4 ||
    headerLength < 20 ||
    length < headerLength ||
    ip + length > view.byteLength;
  if (wrong) return unreadable(dropReason.malformed);
  if (isSourceRouted(view, ip + headerLength)) return unreadable(dropReason.sourceRoute);
  const isLater = (view.getUint16(ip + 6) & 0x1fff) !== 0;
  const isPiece = (view.getUint16(ip + 6) & 0x3fff) !== 0;
  const protocol = isLater ? undefined : view.getUint8(ip + 9);
  return {
    family: 4,
    source: addressAtOffset(view, ip + 12, 4),
    destination: addressAtOffset(view, ip + 16, 4),
    length,
    ...readOwner(view, { family: 4, protocol, start: ip + headerLength, isPiece }),
    ...readTransport(view, { protocol, start: ip + headerLength, end: ip + length }),
    ...readIcmp(view, { family: 4, protocol, start: ip + headerLength }),
  };
}

/** Options stand up to `end`; an option without room for its length is none. */
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
  const malformed = unreadable(dropReason.malformed);
  if (view.byteLength < ip + 40 || view.getUint8(ip) >> 4 !== 6) return malformed;
  if (standsForIpv4(view, ip + 8) || standsForIpv4(view, ip + 24)) return malformed;
  const end = ip + 40 + view.getUint16(ip + 4);
  let protocol: number | undefined = view.getUint8(ip + 6);
  let start = ip + 40;
  let isPiece = false;
  for (let walked = 0; protocol !== undefined && extensions.includes(protocol); walked++) {
    if (walked === 6) return unreadable(dropReason.extensionHeaders);
    if (start + 8 > view.byteLength) return malformed;
    if (protocol === nextHeaders.routing && view.getUint8(start + 3) !== 0) {
      return unreadable(dropReason.sourceRoute);
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
    family: 6,
    source: addressAtOffset(view, ip + 8, 16),
    destination: addressAtOffset(view, ip + 24, 16),
    length: end - ip,
    ...readOwner(view, { family: 6, protocol, start, isPiece }),
    ...readTransport(view, { protocol, start, end }),
    ...readIcmp(view, { family: 6, protocol, start }),
  };
}

/** ::ffff:0:0/96 and ::/96, but for :: and ::1. */
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

const linkPrefixes = ['224.0.0.0/4', '255.255.255.255/32', 'ff00::/8', 'fe80::/10'].map((text) =>
  parsePrefix(text),
);

function staysOnLink({ destination }: Headers): boolean {
  return isIn(linkPrefixes, destination);
}

function isIn(prefixes: readonly Prefix[], address: Address): boolean {
  return prefixes.some(
    (prefix) => prefixFamily(prefix) === addressFamily(address) && prefixContains(prefix, address),
  );
}

function podAt(address: Address): Pod | undefined {
  return pods.find((pod) => pod[4] === address || pod[6] === address);
}

function isNode(address: Address): boolean {
  return places.node[4] === address || places.node[6] === address;
}

function routeTo(address: Address, family: 4 | 6): number | undefined {
  return foundRoute(address, family)?.kind;
}

function foundRoute(
  address: Address,
  family: 4 | 6,
): { readonly kind: number; readonly nextHop: Address } | undefined {
  const found = routes.find(([text]) => {
    const prefix = parsePrefix(text);
    return prefixFamily(prefix) === family && prefixContains(prefix, address);
  });
  return found && { kind: found[1], nextHop: parseAddress(found[2]) };
}

/** The MAC that makes a packet the node's own on an interface. */
export function macOn(program: ProgramName): typeof gatewayMac {
  return program === 'from_pod' ? gatewayMac : hostMac;
}

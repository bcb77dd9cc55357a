// The correct decision of the data path for a packet, computed a second time from docs/datapath.md, in plain TypeScript
// without regard to speed: the reference for test runs on random packets.

import {
  type DropReason,
  dropReason,
  type ProgramName,
  routeKind,
} from '../../src/datapath/generated.ts';
import { type Address, addressFamily, parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { macFromBytes } from '../../src/net/mac.ts';
import { type Prefix, parsePrefix, prefixContains, prefixFamily } from '../../src/net/prefix.ts';
import { protocols } from '../../src/net/protocol.ts';
import {
  db,
  hostMac,
  hostSideMac,
  nativeMtuBytes,
  otherTunnelEnds,
  type Pod,
  places,
  routes,
  tunnelMtuBytes,
  tunnelPort,
  web,
} from './datapath-network.ts';
import { type Headers, read } from './oracle-headers.ts';

export interface Judgement {
  readonly verdict: 'next' | 'pass' | 'drop' | 'redirect';
  readonly reason: DropReason;
  /** Endpoints whose traffic counters are increased. */
  readonly sender?: Pod;
  readonly receiver?: Pod;
  /** Whether it takes the direct way depends on earlier packets; this is the result for the first packet of a flow. */
  readonly byFlow?: boolean;
  /** It goes to the tunnel's IPv4 end; from_pod encapsulates it if the uplink allows that (giveExit). */
  readonly tunnelled?: boolean;
}

const pods = [web, db];

/** For from_pod, to_pod, from_network and from_overlay; packets without segments. */
export function judgePacket(program: ProgramName, packet: Uint8Array, ifIndex: IfIndex): Judgement {
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
  // The frame is sent as a whole, including any bytes behind its IP packet.
  const tunnelled = overIpv4 && packet.length - 14 <= tunnelMtuBytes;
  return { verdict: 'redirect', reason: none, sender: own, tunnelled };
}

const martians = ['127.0.0.0/8', '0.0.0.0/8', '::/128', '::1/128'].map((text) => parsePrefix(text));

/** Packets that a pod may not send. */
function refusal(headers: Headers): DropReason | undefined {
  const { family, source, destination, protocol, destinationPort } = headers;
  if (isIn(martians, destination)) return dropReason.martian;
  if (protocol === protocols.udp && destinationPort === tunnelPort) {
    const isNodes = routeTo(destination, family) === routeKind.node;
    if (isNodes || isNode(destination)) return dropReason.tunnelPort;
  }
  return icmpRefusal(headers, (address) => address === source);
}

/**
 * Packets that another node and its pods may not send to a pod here: everything without a route is the world, and may
 * be a router.
 */
function refusalOfNode(headers: Headers): DropReason | undefined {
  const { source, family } = headers;
  const node = foundRoute(source, family)?.nextHop;
  if (node === undefined) return undefined;
  return icmpRefusal(
    headers,
    (address) => address === node || foundRoute(address, family)?.nextHop === node,
  );
}

/** An error must quote a packet that its receiver sent, to an address for which the error may speak. */
function icmpRefusal(
  { family, destination, icmpType, quoted, isPiece }: Headers,
  maySpeakFor: (address: Address) => boolean,
): DropReason | undefined {
  if (icmpType === undefined) return undefined;
  if (family === 6 && icmpType >= 133 && icmpType <= 137) return dropReason.neighbourDiscovery;
  if (!isErrorType(family, icmpType)) return undefined;
  const isHonest = !isPiece && quoted?.source === destination && maySpeakFor(quoted.destination);
  return isHonest ? undefined : dropReason.forgedError;
}

/**
 * Whether the source belongs to the tunnel that the packet came from: the usual one, of the node with
 * `places.tunnelled`.
 */
function hasOwner({ source, family }: Headers): boolean {
  const { kind, nextHop } = foundRoute(source, family) ?? {};
  const isRemote = kind === routeKind.overlay || kind === routeKind.node;
  return isRemote && nextHop === otherTunnelEnds.tunnelled;
}

/** For a pod here: sources that never arrive by the uplink. */
function isSpoofedOutside({ source, family }: Headers): boolean {
  const kind = routeTo(source, family);
  if (kind === undefined) return isNode(source) || podAt(source) !== undefined;
  return kind === routeKind.local || kind === routeKind.overlay;
}

/** Whether the source is a pod here or this node. */
function isOurs({ source, family }: Headers): boolean {
  const kind = routeTo(source, family);
  return kind === undefined ? isNode(source) : kind === routeKind.local;
}

function isErrorBesideTunnel({ family, icmpType, quoted, isPiece }: Headers): boolean {
  if (!isErrorType(family, icmpType)) return false;
  if (isPiece || quoted === undefined) return true;
  return routeTo(quoted.destination, family) === routeKind.overlay;
}

function isErrorType(family: 4 | 6, type: number | undefined): boolean {
  if (type === undefined) return false;
  return family === 4 ? [3, 4, 5, 11, 12].includes(type) : type < 128;
}

function judgeArrival(program: ProgramName, packet: Uint8Array): Judgement {
  const headers = read(packet);
  const none = dropReason.none;
  const { network, transport } = headers;
  const isUplink = program === 'from_network';
  const forUs = macFromBytes(packet.subarray(0, 6)) === hostMac;
  if (isUplink && !forUs) return { verdict: 'next', reason: none };
  const receiver = network === undefined ? podAt(headers.destination) : undefined;
  const isForNode = network === undefined && isNode(headers.destination);
  // A packet that cannot be read may go anywhere.
  if (isUplink && receiver === undefined && !isForNode && isOurs(headers)) {
    return { verdict: 'drop', reason: dropReason.spoofedOutside };
  }
  if (isUplink && network !== undefined) return { verdict: 'next', reason: none };
  if (network !== undefined) return { verdict: 'drop', reason: network };
  if (isUplink && receiver !== undefined && isSpoofedOutside(headers)) {
    return { verdict: 'drop', reason: transport ?? dropReason.spoofedOutside };
  }
  if (!isUplink && !hasOwner(headers)) {
    return { verdict: 'drop', reason: transport ?? dropReason.spoofedTunnel };
  }
  const isRead = receiver !== undefined && transport === undefined;
  if (isUplink && isRead && isErrorBesideTunnel(headers)) {
    return { verdict: 'drop', reason: dropReason.forgedError };
  }
  const refused = isRead ? refusalOfNode(headers) : undefined;
  if (refused !== undefined) return { verdict: 'drop', reason: refused };
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

/** The destination MAC of a packet for the node on an interface. */
export function macOn(program: ProgramName): typeof hostSideMac {
  return program === 'from_pod' ? hostSideMac : hostMac;
}

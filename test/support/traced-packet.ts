// A packet that is walked through nftables rules in a test, and the values that rules compare.

import { addressFamily, parseAddress } from '../../src/net/address.ts';
import { parsePrefix, prefixContains, prefixFamily } from '../../src/net/prefix.ts';
import { protocols } from '../../src/net/protocol.ts';

export interface TracedPacket {
  readonly source: string;
  readonly destination: string;
  readonly protocol: keyof typeof protocols;
  readonly sourcePort?: number;
  readonly destinationPort?: number;
  /** Interface by which it came, and by which it leaves. */
  readonly iif?: string;
  readonly oif?: string;
  readonly mark?: number;
  readonly tcpFlags?: number;
  /** Of its socket; absent: it has none. */
  readonly isTransparent?: boolean;
  /** As tc writes it. */
  readonly priority?: string;
  /** Part of a larger packet: only the first one has a transport header. */
  readonly fragment?: 'first' | 'later';
  readonly icmp?: { readonly type: string; readonly code: string };
  /** From the transport header on, for rules that compare its bits. */
  readonly transport?: Uint8Array;
  /** Of its connection; `new` unless given. */
  readonly state?: 'new' | 'established' | 'related' | 'invalid' | 'untracked';
  /** Its connection's destination was translated. */
  readonly isDnat?: boolean;
  /** Its connection's source was translated. */
  readonly isSnat?: boolean;
  /** It goes in the direction of its connection's replies. */
  readonly isReply?: boolean;
  /** Sources of its connection's packets in both directions, as they come to the node. */
  readonly ends?: { readonly original: string; readonly reply: string };
}

/** What `fib` knows: prefixes. */
export interface TracedNode {
  readonly local: readonly string[];
  readonly broadcast?: readonly string[];
  readonly anycast?: readonly string[];
}

/** The node of nft-states.ts. 203.0.113.50 is an address of a Service. */
export const documentationNode: TracedNode = {
  local: ['198.51.100.1/32', '203.0.113.50/32', '192.0.2.1/32', '127.0.0.0/8', '::1/128'].concat([
    '2001:db8:ffff::1/128',
    '2001:db8:1::1/128',
  ]),
  broadcast: ['198.51.100.255/32'],
  anycast: ['2001:db8:ffff::/128', '2001:db8:1::/128'],
};

/** Value of one selector; undefined: the packet has none, and the rule does not match. */
export function selectorValue(
  selector: string,
  packet: TracedPacket,
  node: TracedNode,
): string | undefined {
  const raw = /^@th,(\d+),(\d+)$/.exec(selector);
  if (raw !== null) return bitsOf(packet, Number(raw[1]), Number(raw[2]));
  const read = selectors[selector];
  if (read === undefined) throw new Error(`unknown selector: ${selector}`);
  return read(packet, node);
}

type Read = (packet: TracedPacket, node: TracedNode) => string | undefined;

const selectors: Readonly<Record<string, Read>> = {
  'meta mark': ({ mark = 0 }) => String(mark),
  'meta nfproto': (packet) => `ipv${packetFamily(packet)}`,
  'meta priority': ({ priority = 'none' }) => priority,
  'meta l4proto': ({ protocol }) => String(protocols[protocol]),
  iifname: ({ iif = '' }) => iif,
  oifname: ({ oif = '' }) => oif,
  'ip saddr': (packet) => (packetFamily(packet) === 4 ? packet.source : undefined),
  'ip daddr': (packet) => (packetFamily(packet) === 4 ? packet.destination : undefined),
  'ip6 saddr': (packet) => (packetFamily(packet) === 6 ? packet.source : undefined),
  'ip6 daddr': (packet) => (packetFamily(packet) === 6 ? packet.destination : undefined),
  'ip frag-off': (packet) =>
    packetFamily(packet) === 4 ? String(fragmentField(packet)) : undefined,
  'ip6 nexthdr': (packet) => (packetFamily(packet) === 6 ? nextHeader(packet) : undefined),
  'udp sport': ({ protocol, sourcePort }) =>
    protocol === 'udp' && sourcePort !== undefined ? String(sourcePort) : undefined,
  'udp dport': (packet) => (packet.protocol === 'udp' ? portOf(packet) : undefined),
  'tcp flags': ({ protocol, tcpFlags = 0 }) => (protocol === 'tcp' ? String(tcpFlags) : undefined),
  'socket transparent': ({ isTransparent }) =>
    isTransparent === undefined ? undefined : String(Number(isTransparent)),
  'th dport': portOf,
  'icmp type': (packet) => (packetFamily(packet) === 4 ? packet.icmp?.type : undefined),
  'icmpv6 type': (packet) => (packetFamily(packet) === 6 ? packet.icmp?.type : undefined),
  'icmp code': (packet) => (packetFamily(packet) === 4 ? packet.icmp?.code : undefined),
  'fib saddr type': ({ source }, node) => typeOf(source, node),
  'fib daddr type': ({ destination }, node) => typeOf(destination, node),
  'ct state': ({ state = 'new' }) => state,
  'ct direction': ({ isReply = false }) => (isReply ? 'reply' : 'original'),
  'ct original ip saddr': (packet) =>
    packetFamily(packet) === 4 ? packet.ends?.original : undefined,
  'ct original ip6 saddr': (packet) =>
    packetFamily(packet) === 6 ? packet.ends?.original : undefined,
  'ct reply ip saddr': (packet) => (packetFamily(packet) === 4 ? packet.ends?.reply : undefined),
  'ct reply ip6 saddr': (packet) => (packetFamily(packet) === 6 ? packet.ends?.reply : undefined),
  'ct status': ({ isDnat = false, isSnat = false }) => (isDnat ? 'dnat' : isSnat ? 'snat' : ''),
};

export function packetFamily({ source }: TracedPacket): 4 | 6 {
  return addressFamily(parseAddress(source));
}

function portOf({ destinationPort, fragment }: TracedPacket): string | undefined {
  if (destinationPort === undefined || fragment === 'later') return undefined;
  return String(destinationPort);
}

// More fragments, and the offset.
function fragmentField({ fragment }: TracedPacket): number {
  if (fragment === undefined) return 0;
  return fragment === 'first' ? 0x2000 : 0x00b9;
}

function nextHeader({ fragment, protocol }: TracedPacket): string {
  return fragment === undefined ? String(protocols[protocol]) : '44';
}

function typeOf(address: string, { local, broadcast = [], anycast = [] }: TracedNode): string {
  const isIn = (prefixes: readonly string[]): boolean =>
    prefixes.some((prefix) => isInPrefix(address, prefix));
  if (isIn(local)) return 'local';
  if (isIn(anycast)) return 'anycast';
  if (isIn(['224.0.0.0/4', 'ff00::/8'])) return 'multicast';
  return isIn([...broadcast, '255.255.255.255/32']) ? 'broadcast' : 'unicast';
}

/** `prefix`: also a single address. */
export function isInPrefix(address: string, prefix: string): boolean {
  if (!prefix.includes('/')) return address === prefix;
  const range = parsePrefix(prefix);
  const parsed = parseAddress(address);
  return prefixFamily(range) === addressFamily(parsed) && prefixContains(range, parsed);
}

function bitsOf(
  { transport, fragment }: TracedPacket,
  offset: number,
  length: number,
): string | undefined {
  const bytes = transport?.subarray(offset / 8, (offset + length) / 8);
  if (bytes === undefined || fragment === 'later' || bytes.length < length / 8) return undefined;
  return String(bytes.reduce((value, byte) => value * 256 + byte, 0));
}

// Values of a described packet's fields that a rule may match (libnftables-json(5)).

import { addressFamily } from '../../../net/address.ts';
import type { Packet } from './packet.ts';
import { type Expression, record } from './rule-set.ts';
import { fieldName } from './written-fields.ts';

export const absent: unique symbol = Symbol('the packet has no such field');
export type Value = string | number | typeof absent;

/** Undefined: unknown. Several: packets of this kind differ. */
type Values = Value | undefined | readonly Value[];

export function fieldOf(left: unknown, packet: Packet): Values {
  const value = originalField(left, packet);
  const { written } = packet;
  if (written === undefined || value === absent) return value;
  const name = fieldName(left);
  return name !== undefined && written.has(name) ? written.get(name) : value;
}

function originalField(left: unknown, packet: Packet): Values {
  const { payload, meta, ct, exthdr, fib, '&': masked } = record(left) ?? {};
  if (payload !== undefined) return payloadValue(record(payload) ?? {}, packet);
  if (meta !== undefined) return metaValue(record(meta)?.['key'], packet);
  if (ct !== undefined) return ctValue(record(ct)?.['key'], packet);
  if (exthdr !== undefined) return extensionValue(record(exthdr) ?? {}, packet);
  if (fib !== undefined) return fibValue(record(fib) ?? {}, packet);
  const { 'ip option': ipOption, 'tcp option': tcpOption } = record(left) ?? {};
  if (ipOption !== undefined) return optionalHeader(record(ipOption) ?? {});
  if (tcpOption !== undefined) return segmentSize(record(tcpOption) ?? {}, packet);
  return Array.isArray(masked) ? maskedValue(masked, packet) : undefined;
}

// Marks, which packets of pods do not have unless other rules set them, and the flags and offset of fragments.
function maskedValue([left, mask]: readonly unknown[], packet: Packet): Value | undefined {
  const value = fieldOf(left, packet);
  if (value === absent || value === 0) return value;
  return typeof value === 'number' && typeof mask === 'number' ? (value & mask) >>> 0 : undefined;
}

// `exthdr frag exists` has no field, and true or false on the right.
function extensionValue({ name, field }: Expression, packet: Packet): Value | undefined {
  if (addressFamily(packet.source) === 4) return absent;
  if (name !== 'frag') return optionalHeader({ field });
  if (field === undefined) return packet.isLaterFragment === true ? 1 : 0;
  if (packet.isLaterFragment !== true) return absent;
  return field === 'frag-off' ? fragmentOffset : undefined;
}

// No walked packet has IP options, or IPv6 extension headers other than the fragment header.
function optionalHeader({ field }: Expression): Value {
  return field === undefined ? 0 : absent;
}

// Packets of pods have routes to their destinations and sources.
function fibValue({ result, flags }: Expression, { input, output }: Packet): Value | undefined {
  if (result !== 'type') return 1;
  const isSource = Array.isArray(flags) && flags.includes('saddr');
  return (isSource ? input : output) === undefined ? 'local' : 'unicast';
}

// Only the packet that opens a connection has it, and the reply to it.
function segmentSize({ name, field }: Expression, { protocol, state, source }: Packet): Values {
  if (protocol !== 'tcp') return absent;
  if (name !== 'maxseg' || field !== 'size') return undefined;
  const size = addressFamily(source) === 4 ? 1460 : 1440;
  return state === 'new' ? size : [size, absent];
}

/** Sizes of a small packet and a full-sized one in bytes, including the IP header. */
const lengths: readonly number[] = [60, 1500];
// Linux starts with 64, and the sender is one hop away.
const hopsLeft = 63;
const headerBytes = { ip: 20, ip6: 40 } as const;

function payloadValue({ protocol, field }: Expression, packet: Packet): Values {
  const { source, destination, sourcePort, destinationPort } = packet;
  const family = addressFamily(source);
  if (protocol === 'ip' || protocol === 'ip6') {
    if ((protocol === 'ip') !== (family === 4)) return absent;
    if (field === 'saddr') return source;
    if (field === 'daddr') return destination;
    if (field === 'ttl' || field === 'hoplimit') return hopsLeft;
    if (field === 'version') return family;
    if (field === 'length') return protocol === 'ip' ? lengths : lengthsBehind(headerBytes.ip6);
    // In IPv6 the fragment header comes first.
    if (field === 'nexthdr' && packet.isLaterFragment === true) return undefined;
    if (field === 'protocol' || field === 'nexthdr') return packet.protocol;
    // Unfragmented packets of pods have the DF flag, because of path MTU discovery.
    if (field === 'frag-off')
      return packet.isLaterFragment === true ? fragmentOffset : dontFragment;
    return undefined;
  }
  if (protocol === 'ether' && field === 'type') return family === 4 ? 'ip' : 'ip6';
  if (protocol !== 'th' && protocol !== packet.protocol)
    return isTransport(protocol) ? absent : undefined;
  if (packet.isLaterFragment === true) return absent;
  if (field === 'sport') return sourcePort;
  if (field === 'dport') return destinationPort;
  if (protocol === 'udp' && field === 'length') {
    return lengthsBehind(family === 4 ? headerBytes.ip : headerBytes.ip6);
  }
  return field === 'type' ? packet.icmpType : undefined;
}

function lengthsBehind(bytes: number): readonly number[] {
  return lengths.map((length) => length - bytes);
}

// In units of eight bytes, without a flag: the last of two fragments.
const fragmentOffset = 185;
const dontFragment = 0x4000;

const transports: ReadonlySet<unknown> = new Set([
  'tcp',
  'udp',
  'udplite',
  'sctp',
  'dccp',
  'icmp',
  'icmpv6',
  'esp',
  'ah',
  'comp',
  'igmp',
  'arp',
  'vlan',
]);

function isTransport(protocol: unknown): boolean {
  return transports.has(protocol);
}

function metaValue(key: unknown, packet: Packet): Values {
  switch (key) {
    case 'iifname':
    case 'iif':
      return packet.input ?? absent;
    case 'oifname':
    case 'oif':
      return packet.output ?? absent;
    case 'l4proto':
      return packet.protocol;
    case 'nfproto':
      return addressFamily(packet.source) === 4 ? 'ipv4' : 'ipv6';
    case 'protocol':
      return addressFamily(packet.source) === 4 ? 'ip' : 'ip6';
    case 'length':
      return lengths;
    case 'iiftype':
      return packet.input === undefined ? undefined : 'ether';
    case 'oiftype':
      return packet.output === undefined ? undefined : 'ether';
    // A forwarded packet has no socket here; the kubelet runs as root.
    case 'skuid':
    case 'skgid':
      return packet.input === undefined ? 0 : absent;
    case 'cgroup':
      return packet.input === undefined ? undefined : absent;
    case 'ibrname':
    case 'obrname':
      return absent;
    case 'pkttype':
      return 'host';
    case 'mark':
      return packet.mayBeMarked === true ? undefined : 0;
    default:
      return undefined;
  }
}

function ctValue(key: unknown, { state, isTranslated }: Packet): Value | undefined {
  if (key === 'state') return state;
  if (key === 'mark') return 0;
  if (key === 'direction' && state !== 'untracked') return state === 'new' ? 'original' : 'reply';
  return key === 'status' ? (isTranslated ? 'dnat' : 'none') : undefined;
}

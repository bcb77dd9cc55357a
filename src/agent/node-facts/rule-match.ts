// Whether a rule's match applies to a packet that is described, not sent: yes, no, or not to be told from here (marks,
// named sets, extensions that are not known).

import type { XtablesExpression } from '../../kernel/nft-xtables.ts';
import { type Address, addressFamily, compareAddresses, parseAddress } from '../../net/address.ts';
import { parsePrefix, prefixContains } from '../../net/prefix.ts';
import { type Expression, record } from './rule-set.ts';

export interface Packet {
  readonly source: Address;
  readonly destination: Address;
  /** Interface names; absent: the packet comes from the node, or goes to it. */
  readonly input?: string | undefined;
  readonly output?: string | undefined;
  readonly protocol: 'tcp' | 'udp';
  readonly sourcePort: number;
  readonly destinationPort: number;
  /** As connection tracking has it. */
  readonly state: 'new' | 'established' | 'untracked';
  /** Its destination was translated, as of a packet to a host port. */
  readonly isTranslated?: boolean;
  /** Others may have given it a mark. */
  readonly mayBeMarked?: boolean;
}

export type Answer = 'yes' | 'no' | 'unsure';

export function matches(expression: Expression, packet: Packet): Answer {
  const { match, xt } = expression;
  if (match !== undefined) return matchAnswer(record(match) ?? {}, packet);
  if (xt !== undefined) return xtAnswer(xt as XtablesExpression, packet);
  // A limit lets pass for a while what comes after it; counters, logs and comments match everything.
  return 'limit' in expression || 'quota' in expression ? 'unsure' : 'yes';
}

function matchAnswer(match: Expression, packet: Packet): Answer {
  const { op, left, right } = match;
  const value = fieldOf(left, packet);
  if (value === undefined) return 'unsure';
  // A packet of another family or protocol does not have the field: the rule ends there, whatever the operator.
  if (value === absent) return 'no';
  const answer = compare(
    value,
    right,
    op === '<' || op === '>' || op === '<=' || op === '>=' ? op : '==',
  );
  return op === '!=' ? opposite(answer) : answer;
}

const absent: unique symbol = Symbol('the packet has no such field');
type Value = string | number | typeof absent;

/** Undefined: not to be told. */
export function fieldOf(left: unknown, packet: Packet): Value | undefined {
  const { payload, meta, ct, '&': masked } = record(left) ?? {};
  if (payload !== undefined) return payloadValue(record(payload) ?? {}, packet);
  if (meta !== undefined) return metaValue(record(meta)?.['key'], packet);
  if (ct !== undefined) return ctValue(record(ct)?.['key'], packet);
  // Only marks are masked in practice; most packets of pods have none before others give them one.
  if (Array.isArray(masked)) return fieldOf(masked[0], packet) === 0 ? 0 : undefined;
  return undefined;
}

function payloadValue({ protocol, field }: Expression, packet: Packet): Value | undefined {
  const { source, destination, sourcePort, destinationPort } = packet;
  const family = addressFamily(source);
  if (protocol === 'ip' || protocol === 'ip6') {
    if ((protocol === 'ip') !== (family === 4)) return absent;
    if (field === 'saddr') return source;
    if (field === 'daddr') return destination;
    if (field === 'protocol' || field === 'nexthdr') return packet.protocol;
    return undefined;
  }
  if (protocol !== 'th' && protocol !== packet.protocol)
    return isTransport(protocol) ? absent : undefined;
  if (field === 'sport') return sourcePort;
  return field === 'dport' ? destinationPort : undefined;
}

function isTransport(protocol: unknown): boolean {
  return [
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
  ].includes(String(protocol));
}

function metaValue(key: unknown, packet: Packet): Value | undefined {
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
  return key === 'status' ? (isTranslated ? 'dnat' : 'none') : undefined;
}

function compare(value: string | number, right: unknown, op: string): Answer {
  if (Array.isArray(right)) return anyOf(right.map((each) => compare(value, each, op)));
  const { set, range, prefix } = record(right) ?? {};
  if (Array.isArray(set)) return anyOf(set.map((each) => compare(value, elementOf(each), op)));
  if (Array.isArray(range)) return within(value, range[0], range[1]);
  if (prefix !== undefined) return inPrefix(value, record(prefix) ?? {});
  if (typeof right !== 'string' && typeof right !== 'number') return 'unsure';
  if (typeof right === 'string' && right.startsWith('@')) return 'unsure';
  if (op !== '==') return ordered(Number(value), Number(right), op);
  return yesOrNo(isSame(value, right));
}

// An element with a comment, a counter or a timeout is an object around its value.
function elementOf(each: unknown): unknown {
  return record(record(each)?.['elem'])?.['val'] ?? each;
}

// Names of interfaces may end in a wildcard; protocols come as names or as numbers, states as words.
function isSame(value: string | number, right: string | number): boolean {
  if (typeof value === 'number') return value === Number(right);
  if (typeof right === 'number') return protocolNumbers[value] === right;
  if (right.endsWith('*')) return value.startsWith(right.slice(0, -1));
  return value === right;
}

const protocolNumbers: Readonly<Record<string, number>> = { tcp: 6, udp: 17, ipv4: 2, ipv6: 10 };

function inPrefix(value: string | number, { addr, len }: Expression): Answer {
  if (typeof value !== 'string') return 'unsure';
  const prefix = parsePrefix(`${addr}/${len}`);
  return yesOrNo(prefixContains(prefix, parseAddress(value)));
}

function within(value: string | number, low: unknown, high: unknown): Answer {
  if (typeof value === 'number') return yesOrNo(value >= Number(low) && value <= Number(high));
  if (typeof low !== 'string' || typeof high !== 'string') return 'unsure';
  const [address, first, last] = [value, low, high].map((text) => parseAddress(text));
  if (address === undefined || first === undefined || last === undefined) return 'unsure';
  return yesOrNo(compareAddresses(first, address) <= 0 && compareAddresses(address, last) <= 0);
}

function ordered(value: number, right: number, op: string): Answer {
  if (Number.isNaN(value) || Number.isNaN(right)) return 'unsure';
  if (op === '<') return yesOrNo(value < right);
  if (op === '>') return yesOrNo(value > right);
  return yesOrNo(op === '<=' ? value <= right : value >= right);
}

function xtAnswer(xt: XtablesExpression | undefined, packet: Packet): Answer {
  if (xt === undefined || xt.kind === 'target') return 'unsure';
  const { name, revision, info } = xt;
  if (name === 'comment') return 'yes';
  // Packets of bridges' ports.
  if (name === 'physdev') return 'no';
  if (name === 'conntrack' && revision >= 2 && info.length >= 154)
    return conntrackAnswer(info, packet);
  if (name === 'state' && info.length >= 4) {
    return yesOrNo((info.readUInt32LE(0) & stateBits[packet.state]) !== 0);
  }
  if (name === 'multiport' && revision === 1 && info.length >= 48) return portsAnswer(info, packet);
  return 'unsure';
}

// XT_CONNTRACK_STATE_*
const stateBits = { established: 1 << 1, new: 1 << 3, untracked: 1 << 8 } as const;

// struct xt_conntrack_mtinfo3, whose front mtinfo2 shares.
function conntrackAnswer(info: Buffer, packet: Packet): Answer {
  const matchFlags = info.readUInt16LE(146);
  const isInverted = (info.readUInt16LE(148) & 1) !== 0;
  const state = info.readUInt16LE(150);
  const isState = (state & stateBits[packet.state]) !== 0;
  if ((matchFlags & 1) !== 0 && isState === isInverted) return 'no';
  return (matchFlags & ~1) === 0 ? 'yes' : 'unsure';
}

// struct xt_multiport_v1: flags (0 source, 1 destination, 2 either), count, 15 ports, which of them begin a range, inverted.
function portsAnswer(info: Buffer, { sourcePort, destinationPort }: Packet): Answer {
  const flags = info.readUInt8(0);
  const wanted =
    flags === 0 ? [sourcePort] : flags === 1 ? [destinationPort] : [sourcePort, destinationPort];
  let isIn = false;
  for (let index = 0; index < Math.min(info.readUInt8(1), 15); index++) {
    const first = info.readUInt16LE(2 + 2 * index);
    const isRange = info.readUInt8(32 + index) !== 0 && index < 14;
    const last = isRange ? info.readUInt16LE(4 + 2 * index) : first;
    if (isRange) index++;
    isIn ||= wanted.some((port) => port >= first && port <= last);
  }
  return yesOrNo(isIn !== (info.readUInt8(47) !== 0));
}

function anyOf(answers: readonly Answer[]): Answer {
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unsure') ? 'unsure' : 'no';
}

function opposite(answer: Answer): Answer {
  return answer === 'unsure' ? answer : yesOrNo(answer === 'no');
}

function yesOrNo(isYes: boolean): Answer {
  return isYes ? 'yes' : 'no';
}

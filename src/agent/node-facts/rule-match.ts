// Whether a rule's match applies to a packet that is described, not sent: yes, no, or not to be told from here (marks,
// named sets, extensions that are not known).

import type { XtablesExpression } from '../../kernel/nft-xtables.ts';
import { addressFamily, compareAddresses, parseAddress } from '../../net/address.ts';
import { parsePrefix, prefixContains } from '../../net/prefix.ts';
import { type Answer, numbers, type Packet, yesOrNo } from './packet.ts';
import { type Expression, record } from './rule-set.ts';
import { xtAnswer } from './xtables-match.ts';

export function matches(expression: Expression, packet: Packet): Answer {
  const { match, xt } = expression;
  if (match !== undefined) return matchAnswer(record(match) ?? {}, packet);
  if ('xt' in expression) return xtAnswer(xt as XtablesExpression | undefined, packet);
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
  const { payload, meta, ct, exthdr, '&': masked } = record(left) ?? {};
  if (payload !== undefined) return payloadValue(record(payload) ?? {}, packet);
  if (meta !== undefined) return metaValue(record(meta)?.['key'], packet);
  if (ct !== undefined) return ctValue(record(ct)?.['key'], packet);
  if (exthdr !== undefined) return extensionValue(record(exthdr) ?? {}, packet);
  return Array.isArray(masked) ? maskedValue(masked, packet) : undefined;
}

// Marks, of which packets of pods have none before others give them one, and the flags and offset of fragments.
function maskedValue([left, mask]: readonly unknown[], packet: Packet): Value | undefined {
  const value = fieldOf(left, packet);
  if (value === absent || value === 0) return value;
  return typeof value === 'number' && typeof mask === 'number' ? value & mask : undefined;
}

// `exthdr frag exists` has no field, and true or false to its right.
function extensionValue({ name, field }: Expression, packet: Packet): Value | undefined {
  if (name !== 'frag') return undefined;
  if (addressFamily(packet.source) === 4) return absent;
  if (field === undefined) return packet.isLaterFragment === true ? 1 : 0;
  if (packet.isLaterFragment !== true) return absent;
  return field === 'frag-off' ? fragmentOffset : undefined;
}

function payloadValue({ protocol, field }: Expression, packet: Packet): Value | undefined {
  const { source, destination, sourcePort, destinationPort } = packet;
  const family = addressFamily(source);
  if (protocol === 'ip' || protocol === 'ip6') {
    if ((protocol === 'ip') !== (family === 4)) return absent;
    if (field === 'saddr') return source;
    if (field === 'daddr') return destination;
    // In IPv6 the header of the fragment comes first.
    if (field === 'nexthdr' && packet.isLaterFragment === true) return undefined;
    if (field === 'protocol' || field === 'nexthdr') return packet.protocol;
    // Whole packets of pods may not be split further, as path MTU discovery has it.
    if (field === 'frag-off')
      return packet.isLaterFragment === true ? fragmentOffset : dontFragment;
    return undefined;
  }
  if (protocol !== 'th' && protocol !== packet.protocol)
    return isTransport(protocol) ? absent : undefined;
  if (packet.isLaterFragment === true) return absent;
  if (field === 'sport') return sourcePort;
  if (field === 'dport') return destinationPort;
  return field === 'type' ? packet.icmpType : undefined;
}

// In units of eight bytes, without a flag: the last of two.
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
]);

function isTransport(protocol: unknown): boolean {
  return transports.has(protocol);
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
  if (typeof right === 'boolean') return yesOrNo((value !== 0) === right);
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
  if (typeof right === 'number') return numbers[value] === right;
  if (right.endsWith('*')) return value.startsWith(right.slice(0, -1));
  return value === right;
}

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

function anyOf(answers: readonly Answer[]): Answer {
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unsure') ? 'unsure' : 'no';
}

function opposite(answer: Answer): Answer {
  return answer === 'unsure' ? answer : yesOrNo(answer === 'no');
}

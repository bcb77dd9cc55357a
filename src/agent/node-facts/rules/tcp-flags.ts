// TCP flags: the packet that opens a connection has SYN, replies have ACK, and the first reply has both.

import { type MatchResult, type Packet, yesOrNo } from './packet.ts';
import { type Expression, record } from './rule-set.ts';

const flags: Readonly<Record<string, number>> = {
  ...{ fin: 1, syn: 2, rst: 4, psh: 8, ack: 16, urg: 32, ecn: 64, cwr: 128 },
};

/** Undefined: the match is about something else. */
export function tcpFlagsAnswer(
  { op, left, right }: Expression,
  packet: Packet,
): MatchResult | undefined {
  const masked = record(left)?.['&'];
  const [field, mask] = Array.isArray(masked) ? (masked as readonly unknown[]) : [left, 0xff];
  const payload = record(record(field)?.['payload']);
  if (payload?.['protocol'] !== 'tcp' || payload['field'] !== 'flags') return undefined;
  return flagsAnswer(packet, (value) => compare(value & bitsOf(mask), op, right));
}

/** Unsure if only some packets of a connection have the flags. */
function flagsAnswer(packet: Packet, has: (flags: number) => MatchResult): MatchResult {
  if (packet.protocol !== 'tcp' || packet.isLaterFragment === true) return 'no';
  const [first = 'no', second = first] = flagsOf(packet).map(has);
  return first === second ? first : 'unsure';
}

function flagsOf({ state }: Packet): readonly number[] {
  return state === 'new' ? [0x02] : [0x10, 0x12];
}

function compare(value: number, op: unknown, right: unknown): MatchResult {
  const set = record(right)?.['set'];
  if (Array.isArray(set)) {
    return yesOrNo(set.some((each) => bitsOf(each) === value) !== (op === '!='));
  }
  if (op === '!=') return yesOrNo(value !== bitsOf(right));
  return yesOrNo(op === 'in' ? (value & bitsOf(right)) !== 0 : value === bitsOf(right));
}

// `"syn"`, `["syn", "ack"]`, `{ "|": ["syn", "ack"] }`, 18
function bitsOf(value: unknown): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string') return flags[value] ?? 0;
  const parts: unknown = Array.isArray(value) ? value : record(value)?.['|'];
  return Array.isArray(parts) ? parts.reduce((all: number, each) => all | bitsOf(each), 0) : 0;
}

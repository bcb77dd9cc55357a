// Whether a match of a rule applies to a described packet: yes, no, or unknown (marks, named sets, unknown extensions).

import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import { addressFamily, addressOf, compareAddresses } from '../../../net/address.ts';
import { prefixContains, prefixOf } from '../../../net/prefix.ts';
import { type MatchResult, numbers, type Packet, yesOrNo } from './packet.ts';
import { absent, fieldOf, type Value } from './packet-fields.ts';
import { type Expression, elementOf, record } from './rule-set.ts';
import { tcpFlagsAnswer } from './tcp-flags.ts';
import { xtAnswer } from './xtables-match.ts';

export function matchesPacket(expression: Expression, packet: Packet): MatchResult {
  const { match, xt } = expression;
  if (match !== undefined) return matchAnswer(record(match) ?? {}, packet);
  if ('xt' in expression)
    return xtAnswer(xt as XtablesExpression | undefined, packet, matchesPacket);
  // A limit passes packets for a while; counters, logs and comments match everything.
  return hasMemory(expression) ? 'unsure' : 'yes';
}

// Depends on earlier packets; `set` adds to a set, possibly within a limit.
function hasMemory(expression: Expression): boolean {
  return ['limit', 'quota', 'ct count', 'meter', 'set'].some((key) => key in expression);
}

function matchAnswer(match: Expression, packet: Packet): MatchResult {
  const { op, left, right } = match;
  const flags = tcpFlagsAnswer(match, packet);
  if (flags !== undefined) return flags;
  const parts = record(left)?.['concat'];
  if (Array.isArray(parts)) return concatAnswer(parts, match, packet);
  const isLookup = record(record(left)?.['fib'])?.['result'] !== 'type';
  if (record(left)?.['fib'] !== undefined && isLookup && typeof right !== 'boolean')
    return 'unsure';
  const value = fieldOf(left, packet);
  const values: readonly (Value | undefined)[] = Array.isArray(value) ? value : [value];
  return agreed(values.map((each) => valueAnswer(each, op, right)));
}

function valueAnswer(value: Value | undefined, op: unknown, right: unknown): MatchResult {
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

// `ip saddr . tcp dport { 192.0.2.1 . 80 }`
function concatAnswer(
  parts: readonly unknown[],
  { op, right }: Expression,
  packet: Packet,
): MatchResult {
  if (parts.some((part) => fieldOf(part, packet) === absent)) return 'no';
  const set = record(right)?.['set'] ?? [right];
  if (!Array.isArray(set)) return 'unsure';
  const answers = set.map((element: unknown): MatchResult => {
    const values = record(elementOf(element))?.['concat'];
    if (!Array.isArray(values)) return 'unsure';
    return allOf(
      parts.map((left, index) => matchAnswer({ op: '==', left, right: values[index] }, packet)),
    );
  });
  return op === '!=' ? opposite(anyOf(answers)) : anyOf(answers);
}

function compare(value: string | number, right: unknown, op: string): MatchResult {
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

// Interface names may end in a wildcard; protocols are names or numbers, states are words.
function isSame(value: string | number, right: string | number): boolean {
  if (typeof value === 'number') return value === Number(right);
  if (typeof right === 'number') return numbers[value] === right;
  if (right.endsWith('*')) return value.startsWith(right.slice(0, -1));
  return value === right;
}

// The value comes from another program: names, and prefixes that cannot be heddle's.
function inPrefix(value: string | number, { addr, len }: Expression): MatchResult {
  if (typeof value !== 'string' || typeof addr !== 'string') return 'unsure';
  const [address, prefix] = [addressOf(value), prefixOf(addr, Number(len))];
  if (address === undefined || prefix === undefined) return 'unsure';
  return yesOrNo(prefixContains(prefix, address));
}

// Ranges of types and interfaces have names as limits, whose order is not known here.
function within(value: string | number, low: unknown, high: unknown): MatchResult {
  if (typeof value === 'number') return between(value, Number(low), Number(high));
  if (typeof low !== 'string' || typeof high !== 'string') {
    return between(numbers[value] ?? Number.NaN, Number(low), Number(high));
  }
  const [address, first, last] = [value, low, high].map((text) => addressOf(text));
  if (address === undefined || first === undefined || last === undefined) return 'unsure';
  const [family, ...others] = [address, first, last].map(addressFamily);
  if (others.some((other) => other !== family)) return 'no';
  return yesOrNo(compareAddresses(first, address) <= 0 && compareAddresses(address, last) <= 0);
}

function between(value: number, low: number, high: number): MatchResult {
  if (Number.isNaN(value) || Number.isNaN(low) || Number.isNaN(high)) return 'unsure';
  return yesOrNo(value >= low && value <= high);
}

function ordered(value: number, right: number, op: string): MatchResult {
  if (Number.isNaN(value) || Number.isNaN(right)) return 'unsure';
  if (op === '<') return yesOrNo(value < right);
  if (op === '>') return yesOrNo(value > right);
  return yesOrNo(op === '<=' ? value <= right : value >= right);
}

/** For packets that differ: the answer that holds for all of them. */
function agreed(answers: readonly MatchResult[]): MatchResult {
  const [first = 'unsure'] = answers;
  return answers.every((answer) => answer === first) ? first : 'unsure';
}

function allOf(answers: readonly MatchResult[]): MatchResult {
  if (answers.includes('no')) return 'no';
  return answers.includes('unsure') ? 'unsure' : 'yes';
}

function anyOf(answers: readonly MatchResult[]): MatchResult {
  if (answers.includes('yes')) return 'yes';
  return answers.includes('unsure') ? 'unsure' : 'no';
}

function opposite(answer: MatchResult): MatchResult {
  return answer === 'unsure' ? answer : yesOrNo(answer === 'no');
}

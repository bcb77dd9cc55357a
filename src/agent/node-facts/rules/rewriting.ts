// What a rule's statement writes into a packet or its metadata: `ip daddr set 192.0.2.1`, `meta mark set 5`, and the
// equivalent targets of iptables.

import type { MatchResult, Packet } from './packet.ts';
import { absent, fieldOf } from './packet-fields.ts';
import { matchesPacket } from './rule-match.ts';
import { type Expression, elementOf, record } from './rule-set.ts';
import { valueText } from './rule-text.ts';
import {
  fieldName,
  type RawPart,
  rawFields,
  rawPart,
  rawValue,
  routed,
  type Writing,
  type WrittenValue,
} from './written-fields.ts';
import { targetWriting } from './xtables-writing.ts';

const none: Writing = { answer: 'yes', values: new Map() };
const ends: Writing = { answer: 'no', values: new Map() };

/** Undefined: it writes nothing. */
export function writingOf(statement: Expression, packet: Packet): Writing | undefined {
  if ('xt' in statement) return targetWriting(statement, packet);
  const mangle = record(statement['mangle']);
  if (mangle === undefined) return undefined;
  const { key, value } = mangle;
  const raw = rawPart(key);
  return raw === undefined ? fieldWriting(key, value, packet) : rawWriting(raw, value, packet);
}

/** Returns the packet with the written values. `isCertain`: the statement certainly applies. */
export function afterWriting(packet: Packet, { values }: Writing, isCertain: boolean): Packet {
  if (values.size === 0) return packet;
  const written = new Map(packet.written);
  for (const [name, value] of values) {
    written.set(name, isCertain ? value : undefined);
    if (name !== 'source' && name !== 'destination') continue;
    for (const each of routed) written.set(each, undefined);
  }
  return { ...packet, written };
}

/** A packet that may be either of the two. */
export function eitherOf(left: Packet, right: Packet): Packet {
  if (left.written === right.written) return left;
  const written = new Map(left.written);
  for (const [name, value] of right.written ?? []) {
    if (!written.has(name) || written.get(name) !== value) written.set(name, undefined);
  }
  return { ...left, written };
}

function rawWriting(part: RawPart, value: unknown, packet: Packet): Writing {
  const fields = rawFields(part, packet);
  if (fields === undefined) return ends;
  const values = fields.map(({ name, isAll }) => {
    const known = isAll && typeof value === 'number' ? rawValue(name, value) : undefined;
    return [name, known] as const;
  });
  const [[, first] = []] = values;
  const what = `@${part.base},${part.offset},${part.len} set${first === undefined ? '' : ` ${first}`}`;
  return { answer: 'yes', values: new Map(values), ...named(values, what) };
}

function fieldWriting(key: unknown, value: unknown, packet: Packet): Writing {
  const name = fieldName(key);
  if (name === undefined) return none;
  const before = fieldOf(key, packet);
  if (before === absent) return ends;
  const { answer, result } = evaluate(value, packet);
  if (answer === 'no') return ends;
  const values = [[name, result]] as const;
  if (result !== undefined && result === before) return { answer, values: new Map(values) };
  return { answer, values: new Map(values), ...named(values, `${valueText(key)} set${by(value)}`) };
}

// Only a literal value is named: with a map or a hash, each packet gets a different one.
function by(value: unknown): string {
  const { map, payload } = record(value) ?? {};
  if (map !== undefined) return ' by a map';
  return typeof value === 'object' && payload === undefined ? '' : ` ${valueText(value)}`;
}

// Fields that affect only the treatment of a packet, and checksums.
const harmless =
  /^(meta|ct|fib) |^(ip|ip6) (dscp|ecn|flowlabel|id|frag-off|checksum)$| (checksum|window|urgptr)$/;

function named(
  values: readonly (readonly [string, WrittenValue])[],
  what: string,
): { readonly what?: string } {
  const isNews = values.some(([name, value]) =>
    // The packet ends here or at the next hop.
    name === 'hop limit' ? typeof value === 'number' && value <= 1 : !harmless.test(name),
  );
  return isNews ? { what } : {};
}

interface Evaluated {
  readonly answer: MatchResult;
  readonly result?: WrittenValue;
}

function evaluate(value: unknown, packet: Packet): Evaluated {
  if (typeof value === 'number' || typeof value === 'string')
    return { answer: 'yes', result: value };
  const { map, '|': or, '&': and, '^': xor } = record(value) ?? {};
  if (map !== undefined) return mapped(record(map) ?? {}, packet);
  for (const [operands, compute] of [
    [or, (left: number, right: number) => left | right],
    [and, (left: number, right: number) => left & right],
    [xor, (left: number, right: number) => left ^ right],
  ] as const) {
    if (!Array.isArray(operands)) continue;
    const parts = operands.map((each) => evaluate(each, packet).result);
    const numbers = parts.filter((part) => typeof part === 'number');
    if (numbers.length < parts.length || numbers.length === 0) return { answer: 'yes' };
    return { answer: 'yes', result: numbers.reduce(compute) >>> 0 };
  }
  const field = fieldOf(value, packet);
  if (field === absent) return { answer: 'no' };
  return typeof field === 'number' || typeof field === 'string'
    ? { answer: 'yes', result: field }
    : { answer: 'yes' };
}

const drawn = ['numgen', 'jhash', 'symhash'];

// A map with a drawn number as key always has a value; one with a field as key may have none, which ends the rule.
function mapped({ key, data }: Expression, packet: Packet): Evaluated {
  if (drawn.some((each) => each in (record(key) ?? {}))) return { answer: 'yes' };
  const set = record(data)?.['set'];
  if (!Array.isArray(set)) return { answer: 'unsure' };
  let isUnsure = false;
  for (const element of set) {
    if (!Array.isArray(element)) continue;
    const [from, to] = element as readonly unknown[];
    const match = { op: '==', left: key, right: elementOf(from) };
    const answer = matchesPacket({ match }, packet);
    if (answer === 'no') continue;
    isUnsure ||= answer === 'unsure';
    if (!isUnsure) return evaluate(to, packet);
  }
  return { answer: isUnsure ? 'unsure' : 'no' };
}

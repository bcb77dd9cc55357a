// Packet fields that rules may write, by names shared between reading and writing.

import { addressFamily, addressFromBytes } from '../../../net/address.ts';
import type { MatchResult, Packet } from './packet.ts';
import { type Expression, record } from './rule-set.ts';

/** What a statement of a rule writes. */
export interface Writing {
  /** `no`: the rule ends there and nothing is written. */
  readonly answer: MatchResult;
  readonly values: ReadonlyMap<string, WrittenValue>;
  /** Text for users, if the change affects the receiver: `ip daddr set 192.0.2.1`. */
  readonly what?: string;
}

/** Undefined: unknown. */
export type WrittenValue = string | number | undefined;

/** Undefined: no rule can write it. */
export function fieldName(left: unknown): string | undefined {
  const { payload, meta, ct, fib } = record(left) ?? {};
  if (payload !== undefined) return payloadName(record(payload) ?? {});
  if (meta !== undefined) return `meta ${String(record(meta)?.['key'])}`;
  if (ct !== undefined) return `ct ${String(record(ct)?.['key'])}`;
  return fib === undefined ? undefined : 'fib';
}

const addresses: Readonly<Record<string, string>> = { saddr: 'source', daddr: 'destination' };
const ports: Readonly<Record<string, string>> = { sport: 'source port', dport: 'destination port' };

function payloadName({ protocol, field }: Expression): string | undefined {
  if (typeof protocol !== 'string' || typeof field !== 'string') return undefined;
  const name = protocol === 'ip' || protocol === 'ip6' ? addresses[field] : ports[field];
  if (name !== undefined) return name;
  return field === 'ttl' || field === 'hoplimit' ? 'hop limit' : `${protocol} ${field}`;
}

/** Results of the kernel's route lookup, which may differ after a change of addresses. */
export const routed: readonly string[] = ['fib', 'meta oif', 'meta oifname', 'meta oiftype'];

/** The bits of an expression such as `@nh,128,32`. */
export interface RawPart {
  readonly base: string;
  readonly offset: number;
  readonly len: number;
}

export function rawPart(left: unknown): RawPart | undefined {
  const { base, offset, len } = record(record(left)?.['payload']) ?? {};
  if (typeof base !== 'string' || typeof offset !== 'number' || typeof len !== 'number') {
    return undefined;
  }
  return { base, offset, len };
}

interface Place {
  readonly name: string;
  readonly base: string;
  readonly from: number;
  readonly to: number;
}

const place = (name: string, base: string, from: number, to: number): Place => ({
  ...{ name, base, from, to },
});
const places: Readonly<Record<4 | 6, readonly Place[]>> = {
  4: [
    place('hop limit', 'nh', 64, 72),
    place('source', 'nh', 96, 128),
    place('destination', 'nh', 128, 160),
  ],
  6: [
    place('hop limit', 'nh', 56, 64),
    place('source', 'nh', 64, 192),
    place('destination', 'nh', 192, 320),
  ],
};
const otherPlaces: readonly Place[] = [
  place('source port', 'th', 0, 16),
  place('destination port', 'th', 16, 32),
  place('ether daddr', 'll', 0, 48),
  place('ether saddr', 'll', 48, 96),
];

export interface RawField {
  readonly name: string;
  /** Whether the bits are exactly the whole field. */
  readonly isAll: boolean;
}

/** Fields that overlap these bits; undefined: the packet has no such header. */
export function rawFields(part: RawPart, packet: Packet): readonly RawField[] | undefined {
  const { base, offset, len } = part;
  if (base === 'th' && packet.isLaterFragment === true) return undefined;
  if (base === 'th' && packet.sourcePort === undefined) return [];
  return [...places[addressFamily(packet.source)], ...otherPlaces]
    .filter((each) => each.base === base && each.from < offset + len && offset < each.to)
    .map(({ name, from, to }) => ({ name, isAll: from === offset && to === offset + len }));
}

/** `3221225985` becomes `192.0.2.1`; undefined: too long for a number, or not the value of a field. */
export function rawValue(name: string, value: number): string | number | undefined {
  if (!Number.isSafeInteger(value) || value < 0) return undefined;
  if (name.startsWith('ether')) {
    const digits = value.toString(16).padStart(12, '0');
    return digits.match(/../g)?.join(':');
  }
  if (name !== 'source' && name !== 'destination') return value;
  if (value >= 2 ** 32) return undefined;
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return addressFromBytes(bytes);
}

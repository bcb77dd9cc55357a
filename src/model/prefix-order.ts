// Reduces addresses to as few prefixes as possible, sorted: the form that an nftables interval set accepts. The ranges
// of a thousand nodes are adjacent and become a handful; writing each would take 50 ms for every change. Parsing an
// address costs more than everything else, so parsed prefixes are separate values, which callers keep.

import { type AddressFamily, mappedBytes } from '../net/address.ts';
import {
  makePrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from '../net/prefix.ts';

export interface OrderedPrefix {
  readonly prefix: Prefix;
  readonly family: AddressFamily;
  /** Number of fixed bits of the mapped address: an IPv4 /24 has 120. */
  readonly bits: number;
  /** The mapped address as 32 hexadecimal digits. */
  readonly digits: string;
}

export function orderedPrefix(prefix: Prefix): OrderedPrefix {
  const family = prefixFamily(prefix);
  const bits = prefixLength(prefix) + leastBits(family);
  const digits = Buffer.from(mappedBytes(prefixAddress(prefix))).toString('hex');
  return { prefix, family, bits, digits };
}

/** Whether they have addresses in common: one contains the other. */
export function overlap(left: OrderedPrefix, right: OrderedPrefix): boolean {
  return left.bits <= right.bits ? contains(left, right) : contains(right, left);
}

/**
 * IPv4 first, then by address. Two prefixes are either disjoint or nested, so each is compared only with the last one
 * kept.
 */
export function compactPrefixes(prefixes: readonly OrderedPrefix[]): readonly Prefix[] {
  const kept: OrderedPrefix[] = [];
  for (const next of [...prefixes].sort(compare)) {
    const last = kept.at(-1);
    if (last !== undefined && contains(last, next)) continue;
    kept.push(next);
    joinLast(kept);
  }
  return kept.map(prefixOf);
}

/** Sorted, without those that are contained in another. */
export function outermost(prefixes: readonly OrderedPrefix[]): readonly OrderedPrefix[] {
  const kept: OrderedPrefix[] = [];
  for (const next of [...prefixes].sort(compareDigits)) {
    const last = kept.at(-1);
    if (last === undefined || !contains(last, next)) kept.push(next);
  }
  return kept;
}

// Two halves become their whole, which may be a half again. Its text is created at the end, when most are joined.
function joinLast(kept: OrderedPrefix[]): void {
  for (;;) {
    const [left, right] = kept.slice(-2);
    if (left === undefined || right === undefined || !areHalves(left, right)) return;
    kept.splice(-2, 2, { ...left, bits: left.bits - 1 });
  }
}

// In the last fixed bit the first has a zero and the second a one.
function areHalves(left: OrderedPrefix, right: OrderedPrefix): boolean {
  if (left.bits !== right.bits || left.bits === leastBits(left.family)) return false;
  const whole = { ...left, bits: left.bits - 1 };
  const place = Math.floor(whole.bits / 4);
  const isSecondHalf = (digitAt(left, place) & (8 >> (whole.bits % 4))) !== 0;
  return !isSecondHalf && contains(whole, right);
}

function prefixOf({ prefix, family, bits }: OrderedPrefix): Prefix {
  const length = bits - leastBits(family);
  return prefixLength(prefix) === length ? prefix : makePrefix(prefixAddress(prefix), length);
}

function leastBits(family: AddressFamily): number {
  return family === 4 ? 96 : 0;
}

function compare(left: OrderedPrefix, right: OrderedPrefix): number {
  return left.family - right.family || compareDigits(left, right);
}

/** Compares only digits; of two with the same digits the wider comes first. */
export function compareDigits(left: OrderedPrefix, right: OrderedPrefix): number {
  if (left.digits !== right.digits) return left.digits < right.digits ? -1 : 1;
  return left.bits - right.bits;
}

export function contains(outer: OrderedPrefix, inner: OrderedPrefix): boolean {
  if (outer.family !== inner.family || outer.bits > inner.bits) return false;
  const whole = Math.floor(outer.bits / 4);
  if (outer.digits.slice(0, whole) !== inner.digits.slice(0, whole)) return false;
  const shift = 4 - (outer.bits % 4);
  return shift === 4 || digitAt(outer, whole) >> shift === digitAt(inner, whole) >> shift;
}

/** In a list sorted by digits, the index of the first that does not start before `digits`: a range's first address. */
export function firstFrom(
  all: readonly { readonly ordered: OrderedPrefix }[],
  digits: string,
): number {
  let low = 0;
  let high = all.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((all[middle]?.ordered.digits ?? '') < digits) low = middle + 1;
    else high = middle;
  }
  return low;
}

function digitAt({ digits }: OrderedPrefix, index: number): number {
  return Number.parseInt(digits.charAt(index), 16);
}

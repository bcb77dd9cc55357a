// Who has which range and which address, entered Node by Node, the oldest first: what is entered already wins. Looks only
// at the few lengths of ranges that occur, instead of comparing every claim with every other.

import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { AddressClaim, NodeClaims, RangeClaim } from './node-claims.ts';
import { type OrderedPrefix, widened } from './prefix-order.ts';

interface Held<Value> {
  readonly node: string;
  readonly value: Value;
}

export class ClaimLedger {
  readonly #bits: ReadonlyMap<4 | 6, readonly number[]>;
  readonly #ranges = new Map<string, Held<Prefix>>();
  /** The first range in every wider prefix, of the lengths that occur. */
  readonly #rangesWithin = new Map<string, Held<Prefix>>();
  readonly #addresses = new Map<Address, string>();
  /** The first address in every prefix of the lengths that occur. */
  readonly #addressesWithin = new Map<string, Held<Address>>();

  /** Of everything that will be entered. */
  constructor(claims: readonly NodeClaims[]) {
    const bits = new Map<4 | 6, Set<number>>([
      [4, new Set()],
      [6, new Set()],
    ]);
    for (const { ranges } of claims) {
      for (const { ordered } of ranges) bits.get(ordered.family)?.add(ordered.bits);
    }
    this.#bits = new Map(Array.from(bits, ([family, set]) => [family, [...set]]));
  }

  /** By range; only those that were entered. */
  owners(): ReadonlyMap<Prefix, string> {
    return new Map(Array.from(this.#ranges.values(), ({ value, node }) => [value, node]));
  }

  /** A Node's name has that address already, or the range that it is in. */
  addressFlaw({ address, ordered }: AddressClaim, node: string): string | undefined {
    const other = this.#addresses.get(address);
    if (other !== undefined) return `is an InternalIP of Node ${other}, which keeps it`;
    const range = this.#rangeAround(ordered);
    if (range === undefined) return undefined;
    return `lies in ${range.value}, a pod range of ${range.node === node ? 'its own' : `Node ${range.node}`}`;
  }

  rangeFlaw({ prefix, ordered }: RangeClaim, node: string): string | undefined {
    const key = widened(ordered, ordered.bits);
    const held = this.#addressesWithin.get(key);
    if (held !== undefined) {
      const whose = held.node === node ? 'of its own' : `of Node ${held.node}, which was first`;
      return `holds ${held.value}, an InternalIP ${whose}`;
    }
    const other =
      this.#ranges.get(key) ?? this.#rangesWithin.get(key) ?? this.#rangeAround(ordered);
    if (other === undefined) return undefined;
    const relation = other.value === prefix ? 'is' : 'overlaps';
    return `${relation} ${other.value} of ${other.node === node ? 'its own' : `Node ${other.node}, which was first`}`;
  }

  addAddress({ address, ordered }: AddressClaim, node: string): void {
    this.#addresses.set(address, node);
    for (const key of this.#keysAround(ordered)) {
      if (!this.#addressesWithin.has(key)) this.#addressesWithin.set(key, { node, value: address });
    }
  }

  addRange({ prefix, ordered }: RangeClaim, node: string): void {
    this.#ranges.set(widened(ordered, ordered.bits), { node, value: prefix });
    for (const key of this.#keysAround(ordered)) {
      if (!this.#rangesWithin.has(key)) this.#rangesWithin.set(key, { node, value: prefix });
    }
  }

  #rangeAround(inner: OrderedPrefix): Held<Prefix> | undefined {
    for (const key of this.#keysAround(inner)) {
      const found = this.#ranges.get(key);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Of the prefixes that hold it, also of its own length. */
  #keysAround(inner: OrderedPrefix): readonly string[] {
    const lengths = this.#bits.get(inner.family) ?? [];
    return lengths.filter((bits) => bits <= inner.bits).map((bits) => widened(inner, bits));
  }
}

// Who has which range and which address, entered Node by Node, the oldest first: what is entered already wins. Looks only
// at the few lengths of ranges that occur, instead of comparing every claim with every other.

import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { type AddressClaim, keyOf, type NodeClaims, type RangeClaim } from './node-claims.ts';

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

  /** Another Node has that address, or a range that it is in. */
  addressFlaw(claim: AddressClaim, node: string): string | undefined {
    const other = this.#addresses.get(claim.address);
    if (other !== undefined) return `is an InternalIP of Node ${other}, which keeps it`;
    const range = this.#rangeAround(claim);
    if (range === undefined) return undefined;
    return `lies in ${range.value}, a pod range of ${range.node === node ? 'its own' : `Node ${range.node}`}`;
  }

  rangeFlaw(claim: RangeClaim, node: string): string | undefined {
    const key = keyOf(claim, claim.ordered.bits);
    const held = this.#addressesWithin.get(key);
    if (held !== undefined) {
      const whose = held.node === node ? 'of its own' : `of Node ${held.node}, which was first`;
      return `holds ${held.value}, an InternalIP ${whose}`;
    }
    // Also finds the same range.
    const other = this.#rangesWithin.get(key) ?? this.#rangeAround(claim);
    if (other === undefined) return undefined;
    const relation = other.value === claim.prefix ? 'is' : 'overlaps';
    return `${relation} ${other.value} of ${other.node === node ? 'its own' : `Node ${other.node}, which was first`}`;
  }

  addAddress(claim: AddressClaim, node: string): void {
    const held = { node, value: claim.address };
    this.#addresses.set(claim.address, node);
    for (const bits of this.#lengths(claim)) {
      const key = keyOf(claim, bits);
      if (!this.#addressesWithin.has(key)) this.#addressesWithin.set(key, held);
    }
  }

  addRange(claim: RangeClaim, node: string): void {
    const held = { node, value: claim.prefix };
    this.#ranges.set(keyOf(claim, claim.ordered.bits), held);
    for (const bits of this.#lengths(claim)) {
      if (bits > claim.ordered.bits) continue;
      const key = keyOf(claim, bits);
      if (!this.#rangesWithin.has(key)) this.#rangesWithin.set(key, held);
    }
  }

  #rangeAround(inner: AddressClaim | RangeClaim): Held<Prefix> | undefined {
    for (const bits of this.#lengths(inner)) {
      if (bits > inner.ordered.bits) continue;
      const found = this.#ranges.get(keyOf(inner, bits));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #lengths({ ordered }: AddressClaim | RangeClaim): readonly number[] {
    return this.#bits.get(ordered.family) ?? [];
  }
}

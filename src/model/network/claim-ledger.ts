// Owners of ranges and addresses, entered Node by Node, oldest first: existing entries win. Entered ranges never
// overlap, so a claim is compared only with its neighbours in order: neither the prefix lengths that Nodes choose nor
// the number of claims matters much.

import { OrderedList } from '../../base/collections/ordered-list.ts';
import type { Address } from '../../net/address.ts';
import type { Prefix } from '../../net/prefix.ts';
import { contains, type OrderedPrefix } from '../prefix-order.ts';
import type { AddressClaim, RangeClaim } from './node-claims.ts';

interface Held<Value> {
  readonly node: string;
  readonly value: Value;
  readonly ordered: OrderedPrefix;
}

export class ClaimLedger {
  readonly #ranges = new OrderedList<Held<Prefix>>(byDigits);
  readonly #owners = new Map<Prefix, string>();
  readonly #addresses = new OrderedList<Held<Address>>(byDigits);
  readonly #nodes = new Map<Address, string>();

  /** By range, only entered ones, in that order. */
  get owners(): ReadonlyMap<Prefix, string> {
    return this.#owners;
  }

  /** Another Node has that address, or a range that contains it. */
  addressFlaw(claim: AddressClaim, node: string): string | undefined {
    const other = this.#nodes.get(claim.address);
    if (other !== undefined) return `is an InternalIP of Node ${other}, which keeps it`;
    const range = this.#rangeAround(claim.ordered);
    if (range === undefined) return undefined;
    return `lies in ${range.value}, a pod range of ${range.node === node ? 'its own' : `Node ${range.node}`}`;
  }

  rangeFlaw({ prefix, ordered }: RangeClaim, node: string): string | undefined {
    const held = firstWithin(this.#addresses, ordered);
    if (held !== undefined) {
      const whose = held.node === node ? 'of its own' : `of Node ${held.node}, which was first`;
      return `holds ${held.value}, an InternalIP ${whose}`;
    }
    // Also finds the same range.
    const other = firstWithin(this.#ranges, ordered) ?? this.#rangeAround(ordered);
    if (other === undefined) return undefined;
    const relation = other.value === prefix ? 'is' : 'overlaps';
    return `${relation} ${other.value} of ${other.node === node ? 'its own' : `Node ${other.node}, which was first`}`;
  }

  /** The address must not have a flaw. */
  addAddress({ address, ordered }: AddressClaim, node: string): void {
    this.#nodes.set(address, node);
    this.#addresses.insert({ node, value: address, ordered });
  }

  /** The range must not have a flaw. */
  addRange({ prefix, ordered }: RangeClaim, node: string): void {
    this.#owners.set(prefix, node);
    this.#ranges.insert({ node, value: prefix, ordered });
  }

  #rangeAround(inner: OrderedPrefix): Held<Prefix> | undefined {
    const found = this.#ranges.lastBefore(({ ordered }) => ordered.digits <= inner.digits);
    return found !== undefined && contains(found.ordered, inner) ? found : undefined;
  }
}

function firstWithin<Value>(
  all: OrderedList<Held<Value>>,
  range: OrderedPrefix,
): Held<Value> | undefined {
  const found = all.firstFrom(({ ordered }) => ordered.digits < range.digits);
  return found !== undefined && contains(range, found.ordered) ? found : undefined;
}

function byDigits(left: Held<string>, right: Held<string>): number {
  if (left.ordered.digits === right.ordered.digits) return 0;
  return left.ordered.digits < right.ordered.digits ? -1 : 1;
}

// Remembers former owners of addresses and when they left: a flow of a deleted pod may be reported after another pod
// got its address.

import type { Address } from '../net/address.ts';

interface FormerOwner<Owner> {
  readonly owner: Owner;
  readonly untilNs: number;
}

const keptAddresses = 10_000;
const keptOfAddress = 8;

export class FormerOwners<Owner> {
  /** Former owners in the order in which they left. */
  readonly #byAddress = new Map<Address, readonly FormerOwner<Owner>[]>();

  /** `untilNs` must not decrease from one call to the next. */
  add(address: Address, owner: Owner, untilNs: number): void {
    const before = this.#byAddress.get(address) ?? [];
    this.#byAddress.delete(address);
    this.#byAddress.set(address, [...before, { owner, untilNs }].slice(-keptOfAddress));
    const [oldest] = this.#byAddress.keys();
    if (this.#byAddress.size > keptAddresses && oldest !== undefined) {
      this.#byAddress.delete(oldest);
    }
  }

  /** Undefined if all known former owners had left by then. */
  of(address: Address, atNs: number): Owner | undefined {
    return this.#byAddress.get(address)?.find(({ untilNs }) => atNs <= untilNs)?.owner;
  }
}

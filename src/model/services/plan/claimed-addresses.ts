// The addresses that Services claim, each with the Services that depend on its owner, and whether something other than a
// Service has it.

import type { Address } from '../../../net/address.ts';
import type { TakenAddress } from '../taken-addresses.ts';

type Flaw = string | undefined;

interface Claimed {
  /** Hardly ever more than one. */
  services: string | Set<string>;
  /** What `TakenAddress` says, if it was asked: of a cluster address, and of any other. */
  readonly flaws: { cluster?: Flaw; other?: Flaw };
}

export class ClaimedAddresses {
  readonly #claimed = new Map<Address, Claimed>();
  #taken: TakenAddress = () => undefined;

  /** Asks again about every address if the rule is another one. Returns Services of which an answer has changed. */
  judgeBy(taken: TakenAddress): readonly string[] {
    if (taken === this.#taken) return [];
    this.#taken = taken;
    const changed: string[] = [];
    for (const [address, { flaws, services }] of this.#claimed) {
      let isSame = true;
      for (const kind of ['cluster', 'other'] as const) {
        if (!(kind in flaws)) continue;
        const flaw = taken(address, kind === 'cluster' ? 'cluster' : 'external');
        isSame &&= flaw === flaws[kind];
        flaws[kind] = flaw;
      }
      if (!isSame) changed.push(...namesIn(services));
    }
    return changed;
  }

  /** As `TakenAddress`, for claimed addresses. */
  readonly flawOf: TakenAddress = (address, kind) => {
    const flaws = this.#claimed.get(address)?.flaws;
    const kindOf = kind === 'cluster' ? 'cluster' : 'other';
    if (flaws === undefined) return this.#taken(address, kind);
    if (!(kindOf in flaws)) flaws[kindOf] = this.#taken(address, kind);
    return flaws[kindOf];
  };

  claim(address: Address, service: string): void {
    const claimed = this.#claimed.get(address);
    if (claimed === undefined) this.#claimed.set(address, { services: service, flaws: {} });
    else if (claimed.services instanceof Set) claimed.services.add(service);
    else if (claimed.services !== service) claimed.services = new Set([claimed.services, service]);
  }

  withdraw(address: Address, service: string): void {
    const services = this.#claimed.get(address)?.services;
    if (services instanceof Set) services.delete(service);
    if (services === service || (services instanceof Set && services.size === 0))
      this.#claimed.delete(address);
  }

  keys(): Iterable<Address> {
    return this.#claimed.keys();
  }

  /** `key`: an address, or anything else, which no Service depends on here. */
  claimants(key: string): Iterable<string> {
    const claimed = this.#claimed.get(key as Address);
    return claimed === undefined ? [] : namesIn(claimed.services);
  }
}

function namesIn(services: string | ReadonlySet<string>): Iterable<string> {
  return typeof services === 'string' ? [services] : services;
}

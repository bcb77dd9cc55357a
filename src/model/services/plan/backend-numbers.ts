// The number of each backend: packets' marks carry it from the programs to the nftables rules. Users are counted.

import { type Entries, KeyedCollection } from '../../../base/collections/collection.ts';
import type { Backend } from '../backends.ts';
import type { ServiceBackend } from './desired-services.ts';
import { NumberPool } from './number-pool.ts';

type Place = Pick<Backend, 'address' | 'port'>;

interface Counted extends ServiceBackend {
  users: number;
}

export class BackendNumbers {
  readonly #pool: NumberPool;
  /** By address and port. */
  readonly #held = new Map<string, Counted>();
  readonly #entries = new KeyedCollection<string, ServiceBackend>();

  /** Numbers are 1 to `most`. */
  constructor(most: number) {
    this.#pool = new NumberPool(1, most);
  }

  /** By number, as text. */
  get entries(): Entries<string, ServiceBackend> {
    return this.#entries;
  }

  get free(): number {
    return this.#pool.free;
  }

  /** All of them, in the same order, or undefined: there are not enough free numbers. */
  hold(places: readonly Place[]): readonly ServiceBackend[] | undefined {
    // Before a search for the few numbers that are free.
    if (this.free < places.length && this.free < this.#countNew(places)) return undefined;
    const held: ServiceBackend[] = [];
    for (const place of places) {
      const backend = this.#hold(place);
      if (backend === undefined) {
        this.release(held);
        return undefined;
      }
      held.push(backend);
    }
    return held;
  }

  /** Backends with the numbers that they have. Undefined: one of the numbers is another backend's, or the reverse. */
  adopt(backends: readonly ServiceBackend[]): readonly ServiceBackend[] | undefined {
    const held: ServiceBackend[] = [];
    for (const { number, address, port } of backends) {
      const key = keyOf({ address, port });
      const known = this.#held.get(key);
      const isFree = known === undefined && this.#pool.adopt(number);
      const backend = isFree ? this.#add(key, { number, address, port }) : known;
      if (backend?.number !== number) {
        this.release(held);
        return undefined;
      }
      backend.users++;
      held.push(backend);
    }
    return held;
  }

  release(backends: readonly ServiceBackend[]): void {
    for (const backend of backends) {
      const key = keyOf(backend);
      const counted = this.#held.get(key);
      if (counted === undefined || --counted.users > 0) continue;
      this.#held.delete(key);
      this.#entries.delete(String(counted.number));
      this.#pool.release(counted.number);
    }
  }

  #countNew(places: readonly Place[]): number {
    return places.filter((place) => !this.#held.has(keyOf(place))).length;
  }

  #hold(place: Place): ServiceBackend | undefined {
    const key = keyOf(place);
    let counted = this.#held.get(key);
    if (counted === undefined) {
      const number = this.#pool.take();
      if (number === undefined) return undefined;
      counted = this.#add(key, { number, address: place.address, port: place.port });
    }
    counted.users++;
    return counted;
  }

  #add(key: string, { number, address, port }: ServiceBackend): Counted {
    const counted: Counted = { number, address, port, users: 0 };
    this.#held.set(key, counted);
    this.#entries.set(String(number), counted);
    return counted;
  }
}

function keyOf({ address, port }: Place): string {
  return `${address} ${port}`;
}

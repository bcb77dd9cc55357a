// The number of each port of a Service in one family, by which programs find its affinities and source ranges.

import { NumberPool } from './number-pool.ts';

export class PortNumbers {
  readonly #pool = new NumberPool(1, 0xffff_ffff);
  /** By key of a frontend. */
  readonly #found: Map<string, number>;
  /** Those among them that no port has yet. */
  readonly #waiting: Set<number>;

  /** @param found numbers in the kernel by keys of frontends: a port that has one of the frontends keeps the number */
  constructor(found: ReadonlyMap<string, number>) {
    this.#found = new Map(found);
    this.#waiting = new Set(found.values());
    for (const number of this.#waiting) this.#pool.adopt(number);
  }

  /** For the port that has the frontends with these keys. */
  take(keys: readonly string[]): number {
    let taken: number | undefined;
    for (const key of keys) {
      const number = this.#found.get(key);
      if (number === undefined) continue;
      this.#found.delete(key);
      if (taken === undefined && this.#waiting.delete(number)) taken = number;
    }
    const number = taken ?? this.#pool.take();
    if (number === undefined) throw new Error('every number of a Service port is used');
    return number;
  }

  release(number: number): void {
    this.#pool.release(number);
  }
}

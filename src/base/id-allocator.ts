// Allocates numbers that identify things in the kernel, one allocator per kind: endpoints have one, with a brand of its
// own so that numbers of different kinds cannot be confused. Numbers in use are restored when the agent starts, from
// records or maps.

/** Allocates the lowest free number: the data path's counters are slots by number. */
export class IdAllocator<Id extends number> {
  /** Numbers are 1 to this. */
  readonly capacity: number;
  /** Number of holders per id. More than one only after `restore`. */
  readonly #holders = new Map<Id, number>();
  /** No lower number is free. */
  #lowest = 1;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** The number for a new thing; undefined if all are in use. */
  next(): Id | undefined {
    while (this.#holders.has(this.#lowest as Id)) this.#lowest++;
    return this.#lowest <= this.capacity ? (this.#lowest as Id) : undefined;
  }

  /** For a new thing. Throws if the number is in use: two things with one number would be one to the kernel. */
  take(id: Id): void {
    if (this.#holders.has(id)) throw new Error(`number ${id} is in use`);
    if (id > this.capacity) throw new Error(`number ${id} is above ${this.capacity}`);
    this.#holders.set(id, 1);
  }

  /**
   * For a thing that already has its number: found at a start, or changed. Two things of a restored backup may claim
   * one number, which is then in use until both have released it. A smaller capacity than before takes no number away.
   */
  restore(id: Id): void {
    this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
  }

  /** Call this once per holder, when nothing refers to the number any more. */
  release(id: Id): void {
    const others = (this.#holders.get(id) ?? 0) - 1;
    if (others < 0) throw new Error(`number ${id} is not in use`);
    if (others > 0) {
      this.#holders.set(id, others);
      return;
    }
    this.#holders.delete(id);
    this.#lowest = Math.min(this.#lowest, id);
  }
}

// Numbers that the kernel knows things by, one allocator per kind of thing: endpoints have one, each with a brand of its own so
// that a number of another kind is not taken for it. What is in use is restored when the agent starts, from records or maps.

/** The lowest free number is next: counters of the data path are slots by number. */
export class IdAllocator<Id extends number> {
  /** Numbers are 1 to this. */
  readonly capacity: number;
  /** How many things hold a number. More than one only after `restore`. */
  readonly #holders = new Map<Id, number>();
  /** No lower one is free. */
  #lowest = 1;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  /** The number that a new thing may take; undefined when all are held. */
  next(): Id | undefined {
    while (this.#holders.has(this.#lowest as Id)) this.#lowest++;
    return this.#lowest <= this.capacity ? (this.#lowest as Id) : undefined;
  }

  /** For a new thing. Throws where the number is held: two things with one number would be one to the kernel. */
  take(id: Id): void {
    if (this.#holders.has(id)) throw new Error(`number ${id} is in use`);
    if (id > this.capacity) throw new Error(`number ${id} is above ${this.capacity}`);
    this.#holders.set(id, 1);
  }

  /**
   * For a thing that has its number already: as it was found at a start, or as it changes. Two things of a restored backup may
   * claim one number, which is then held until both have released it. A smaller capacity than before takes no number away.
   */
  restore(id: Id): void {
    this.#holders.set(id, (this.#holders.get(id) ?? 0) + 1);
  }

  /** By each of its holders, when nothing refers to the number any more. */
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

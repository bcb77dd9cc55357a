// Numbers that are given in turn, so that a free number is not given again soon: something may still refer to it.

export class NumberPool {
  readonly #first: number;
  readonly #last: number;
  readonly #used = new Set<number>();
  #next: number;

  /** Gives whole numbers from `first` to `last`. */
  constructor(first: number, last: number) {
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  /** How many numbers are free. */
  get free(): number {
    return this.#last - this.#first + 1 - this.#used.size;
  }

  /** Undefined: all are used. */
  take(): number | undefined {
    if (this.free === 0) return undefined;
    while (this.#used.has(this.#next)) this.#advance(this.#next);
    const number = this.#next;
    this.#used.add(number);
    this.#advance(number);
    return number;
  }

  /** Uses a number that was given earlier, by another process. False: it is used already, or not one of these. */
  adopt(number: number): boolean {
    if (number < this.#first || number > this.#last || this.#used.has(number)) return false;
    this.#used.add(number);
    if (number >= this.#next) this.#advance(number);
    return true;
  }

  release(number: number): void {
    this.#used.delete(number);
  }

  #advance(from: number): void {
    this.#next = from >= this.#last ? this.#first : from + 1;
  }
}

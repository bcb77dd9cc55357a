// A few at a time, the others in order of arrival.

export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `body` when a slot is free, and gives the slot back however it ends. */
  async run<Result>(body: () => Promise<Result>): Promise<Result> {
    await this.#take();
    try {
      return await body();
    } finally {
      this.#give();
    }
  }

  #take(): Promise<void> {
    if (this.#free > 0) {
      this.#free--;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  // Handed on rather than freed, so that nobody who comes later overtakes.
  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

// Limits concurrency: a fixed number of tasks run, the others wait in order of arrival.

export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  /** Runs `body` when a slot is free and releases the slot when it ends, also if it fails. */
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

  // The slot is handed to the next waiter instead of freed, so that a later caller cannot overtake it.
  #give(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

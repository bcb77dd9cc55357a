// Tasks that run side by side, and whoever has ended waiting for the others, so that what comes after is done once for all:
// a runtime that starts many pods sends their ADDs within a few milliseconds.

export class Burst {
  readonly #limitMs: number;
  #running = 0;
  #waiting: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  /** `limitMs`: how long the first who waits does so at most, where others keep coming. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Resolves or rejects as the task does. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#waiting?.end();
    }
  }

  /** Resolves when no task runs, or the limit is reached; at once for a task that was alone. */
  ended(): Promise<void> {
    if (this.#running === 0) return Promise.resolve();
    this.#waiting ??= this.#wait();
    return this.#waiting.ended;
  }

  #wait(): { readonly ended: Promise<void>; readonly end: () => void } {
    let resolve = (): void => undefined;
    const ended = new Promise<void>((done) => {
      resolve = done;
    });
    const end = (): void => {
      clearTimeout(timer);
      this.#waiting = undefined;
      resolve();
    };
    const timer = setTimeout(end, this.#limitMs);
    return { ended, end };
  }
}

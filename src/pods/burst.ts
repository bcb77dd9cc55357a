// Concurrent tasks whose ends wait for each other, so that the following work is done once for all: a runtime that
// starts many pods sends their ADDs within a few milliseconds.

export class Burst {
  readonly #limitMs: number;
  #running = 0;
  #waiting: { readonly ended: Promise<void>; readonly end: () => void } | undefined;

  /** `limitMs`: maximum wait of the first one if others keep arriving. */
  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  /** Settles as the task does. */
  async run<Result>(task: () => Promise<Result>): Promise<Result> {
    this.#running++;
    try {
      return await task();
    } finally {
      this.#running--;
      if (this.#running === 0) this.#waiting?.end();
    }
  }

  /** Resolves when no task runs or the limit is reached; immediately for a task without company. */
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

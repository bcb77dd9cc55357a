// Work that nobody waits for, while no CNI request is under way and none has been for a while: one small step at a time,
// with a pause after each, so that a request waits for one step at most, and whoever else needs the kernel's locks gets them.

export interface LullOptions {
  /** Without any request before the first step. */
  readonly quietMs: number;
  /** Between steps. */
  readonly pauseMs: number;
  /** True: there is more to do. What it throws does not keep the next step from being tried: the work must get less. */
  step(): boolean;
  onError(error: unknown): void;
}

export class Lull {
  readonly #options: LullOptions;
  #requests = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: LullOptions) {
    this.#options = options;
  }

  /** Carries the request out; no step is made until it is done and the time without requests has passed anew. */
  async keepOff<Answer>(request: () => Promise<Answer>): Promise<Answer> {
    this.#requests++;
    this.#clear();
    try {
      return await request();
    } finally {
      this.#requests--;
      this.look();
    }
  }

  /** There may be something to do. */
  look(): void {
    if (this.#requests === 0 && this.#timer === undefined) this.#after(this.#options.quietMs);
  }

  stop(): void {
    this.#stopped = true;
    this.#clear();
  }

  #after(delayMs: number): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#step()) this.#after(this.#options.pauseMs);
    }, delayMs);
  }

  #step(): boolean {
    try {
      return this.#options.step();
    } catch (error) {
      this.#options.onError(error);
      return true;
    }
  }

  #clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

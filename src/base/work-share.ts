// Bounds the share of time that work takes which others can cause without end: other nodes' addresses that change all the time, or
// routers that announce prefixes to this node. A burst is worked off at once; only what continues has to wait.

export interface WorkShareOptions {
  /** 0 to 1. */
  readonly share: number;
  /** Work that may be done at once after a quiet time, in ms. */
  readonly burstMs: number;
  /** No wait is longer, however long the work took. */
  readonly longestWaitMs: number;
  /** Monotonic time in ms. Default performance.now(). */
  readonly now?: () => number;
}

export class WorkShare {
  readonly #options: WorkShareOptions;
  readonly #now: () => number;
  /** Work that may be done at `#at`, in ms; below 0 after more. */
  #creditMs: number;
  #at: number;

  constructor(options: WorkShareOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#creditMs = options.burstMs;
    this.#at = this.#now();
  }

  spend(ms: number): void {
    const { share, longestWaitMs } = this.#options;
    this.#creditMs = Math.max(this.#credit() - ms, -share * longestWaitMs);
    this.#at = this.#now();
  }

  /** Until more work is within the share; 0: it may be done now. */
  waitMs(): number {
    return Math.max(0, -this.#credit() / this.#options.share);
  }

  #credit(): number {
    const { share, burstMs } = this.#options;
    return Math.min(this.#creditMs + (this.#now() - this.#at) * share, burstMs);
  }
}

// Limits the share of time for work that others can cause without end: other nodes' addresses that change all the time,
// or routers that announce prefixes to this node. A burst is handled at once; only continuous work has to wait.

export interface WorkShareOptions {
  /** 0 to 1. */
  readonly share: number;
  /** Work that is allowed at once after a quiet time, in ms. */
  readonly burstMs: number;
  /** Limits every wait, however long the work took. */
  readonly longestWaitMs: number;
  /** Monotonic time in ms. Default performance.now(). */
  readonly now?: () => number;
}

export class WorkShare {
  readonly #options: WorkShareOptions;
  readonly #now: () => number;
  /** Work that was allowed at `#at`, in ms; negative after more work than that. */
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

  /** Time until more work is within the share, in ms; 0: it is allowed now. */
  waitMs(): number {
    return Math.max(0, -this.#credit() / this.#options.share);
  }

  #credit(): number {
    const { share, burstMs } = this.#options;
    return Math.min(this.#creditMs + (this.#now() - this.#at) * share, burstMs);
  }
}

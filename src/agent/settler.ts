// Decides when to settle: immediately for waiting callers, soon after notifications (which come in bursts), again when
// a failed entry is due, and every period with a new listing of the kernel. One settle at a time, for all callers until
// then: pods that are added together share its passes over the tables and its messages.

import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import type { SettleCause } from '../api/status.ts';
import type { Logger } from '../base/log.ts';
import { WorkShare } from '../base/work-share.ts';
import type { SettleReport } from '../reconcile/status.ts';

export interface SettlerOptions {
  /** Never rejects if entries could not be applied: the report contains the failures. */
  settle(causes: readonly SettleCause[]): Promise<SettleReport>;
  readonly periodMs: number;
  readonly log: Logger;
  /** Monotonic time in ms. Default performance.now(). */
  readonly now?: () => number;
}

/**
 * Limits settles that other nodes, or any sender to this node, can cause without end. A burst of changes is settled at
 * once. An ADD waits a second for its pod, so the cluster's news may not rest that long.
 */
const causedByOthers = { share: 0.2, burstMs: 500, longestWaitMs: 600 };

interface Waiting {
  readonly causes: Set<SettleCause>;
  readonly report: Promise<SettleReport>;
}

export class Settler {
  readonly #options: SettlerOptions;
  readonly #now: () => number;
  #running: Promise<unknown> | undefined;
  #waiting: Waiting | undefined;
  /** The share of changes that others cause: those of the cluster and of the host. */
  readonly #others: WorkShare;
  #soon: NodeJS.Timeout | undefined;
  #soonAt = Number.POSITIVE_INFINITY;
  #soonCauses: readonly SettleCause[] = [];
  #retry: NodeJS.Timeout | undefined;
  #period: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#others = new WorkShare({ ...causedByOthers, now: this.#now });
  }

  /** Starts periodic settles. */
  startPeriod(): void {
    this.#period = setInterval(() => this.#ask('period'), this.#options.periodMs);
  }

  /** Returns the report of a settle that begins after this call. Callers during a running settle share the next one. */
  request(cause: SettleCause): Promise<SettleReport> {
    if (this.#stopped) return Promise.reject(new Error('the agent is stopping'));
    this.#waiting ??= this.#enqueue();
    this.#waiting.causes.add(cause);
    return this.#waiting.report;
  }

  /** Settles within `delayMs`, once for all requests in that time. */
  requestSoon(cause: SettleCause, delayMs: number): void {
    if (this.#stopped) return;
    if (!this.#soonCauses.includes(cause)) this.#soonCauses = [...this.#soonCauses, cause];
    const at = this.#now() + delayMs;
    if (at >= this.#soonAt) return;
    clearTimeout(this.#soon);
    this.#soonAt = at;
    this.#soon = setTimeout(() => {
      const causes = this.#soonCauses;
      this.#soonAt = Number.POSITIVE_INFINITY;
      this.#soonCauses = [];
      this.#ask(...causes);
    }, delayMs);
  }

  /**
   * As `requestSoon`, for changes that others can cause without end: it waits if these have used their share of the
   * time.
   */
  requestRested(cause: SettleCause, delayMs: number): void {
    this.requestSoon(cause, Math.max(delayMs, this.#others.waitMs()));
  }

  /** Waits before work that others cause: see `requestRested`. */
  async rested(signal: AbortSignal): Promise<void> {
    const waitMs = this.#others.waitMs();
    // An abort ends the wait, and then the caller's loop.
    if (waitMs > 0) await sleep(waitMs, undefined, { signal, ref: false }).catch(() => undefined);
  }

  /** Counts work outside a settle that others caused. */
  spend(ms: number): void {
    this.#others.spend(ms);
  }

  /** Resolves when the running settle, if any, has ended. No other begins after it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#soon);
    clearTimeout(this.#retry);
    clearInterval(this.#period);
    await this.#running;
  }

  #ask(...causes: readonly SettleCause[]): void {
    if (this.#stopped) return;
    const [report] = causes.map((cause) => this.request(cause));
    report?.catch((error: unknown) => this.#options.log.error({ error, causes }, 'settle'));
  }

  #enqueue(): Waiting {
    const causes = new Set<SettleCause>();
    // Read everything that has arrived at the sockets by now first.
    const report = Promise.all([this.#running, setImmediate()]).then(() => {
      this.#waiting = undefined;
      return this.#settle([...causes]);
    });
    this.#running = report.then(
      ({ retryAt }) => this.#scheduleRetry(retryAt),
      () => undefined,
    );
    return { causes, report };
  }

  async #settle(causes: readonly SettleCause[]): Promise<SettleReport> {
    const began = this.#now();
    try {
      return await this.#options.settle(causes);
    } finally {
      if (causes.some((cause) => cause === 'network' || cause === 'cluster'))
        this.spend(this.#now() - began);
    }
  }

  #scheduleRetry(retryAt: number | undefined): void {
    clearTimeout(this.#retry);
    if (retryAt === undefined || this.#stopped) return;
    this.#retry = setTimeout(() => this.#ask('retry'), Math.max(0, retryAt - this.#now()));
  }
}

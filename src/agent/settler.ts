// Decides when to settle: at once for whoever waits for it, soon after notifications (which come in bursts), again when
// a failed entry's time has come, and every period with a fresh look at the kernel. One settle at a time, for all who
// asked until then: pods that come together share its passes over the tables and its sends.

import { setImmediate } from 'node:timers/promises';
import type { SettleCause } from '../api/status.ts';
import type { Logger } from '../base/log.ts';
import type { SettleReport } from '../reconcile/status.ts';

export interface SettlerOptions {
  /** Never rejects for what could not be applied: that is in the report. */
  settle(causes: readonly SettleCause[]): Promise<SettleReport>;
  readonly periodMs: number;
  readonly log: Logger;
  /** ms, a clock that nobody sets; performance.now() unless given. */
  readonly now?: () => number;
}

interface Waiting {
  readonly causes: Set<SettleCause>;
  readonly report: Promise<SettleReport>;
}

export class Settler {
  readonly #options: SettlerOptions;
  readonly #now: () => number;
  #running: Promise<unknown> | undefined;
  #waiting: Waiting | undefined;
  #soon: NodeJS.Timeout | undefined;
  #soonCauses: readonly SettleCause[] = [];
  #retry: NodeJS.Timeout | undefined;
  #period: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: SettlerOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Settles every period from now on. */
  startPeriod(): void {
    this.#period = setInterval(() => this.#ask('period'), this.#options.periodMs);
  }

  /** The report of a settle that begins after this call. Those who ask while one runs share the next. */
  request(cause: SettleCause): Promise<SettleReport> {
    if (this.#stopped) return Promise.reject(new Error('the agent is stopping'));
    this.#waiting ??= this.#enqueue();
    this.#waiting.causes.add(cause);
    return this.#waiting.report;
  }

  /** Within `delayMs`, once for all that is asked in that time. */
  requestSoon(cause: SettleCause, delayMs: number): void {
    if (this.#stopped) return;
    this.#soonCauses = [...this.#soonCauses, cause];
    this.#soon ??= setTimeout(() => {
      const causes = this.#soonCauses;
      this.#soon = undefined;
      this.#soonCauses = [];
      this.#ask(...causes);
    }, delayMs);
  }

  /** Resolves when the settle that runs, if any, is done; none begins after. */
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
    // What has arrived at the sockets by now is read first.
    const report = Promise.all([this.#running, setImmediate()]).then(() => {
      this.#waiting = undefined;
      return this.#options.settle([...causes]);
    });
    this.#running = report.then(
      ({ retryAt }) => this.#scheduleRetry(retryAt),
      () => undefined,
    );
    return { causes, report };
  }

  #scheduleRetry(retryAt: number | undefined): void {
    clearTimeout(this.#retry);
    if (retryAt === undefined || this.#stopped) return;
    this.#retry = setTimeout(() => this.#ask('retry'), Math.max(0, retryAt - this.#now()));
  }
}

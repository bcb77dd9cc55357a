// What the agent did and what went wrong lately: logged as it happens, and kept for the status screen.

import type { Logger } from '../base/log.ts';
import type { Restored, SettleReport } from '../reconcile/status.ts';
import type { ChangeView, RecentError, SettleCause } from './api-types.ts';

export interface SettleEvent {
  readonly causes: readonly SettleCause[];
  readonly report: SettleReport;
  readonly startedAtMs: number;
  readonly durationMs: number;
}

const keptErrors = 20;

export class Journal {
  readonly #log: Logger;
  readonly #now: () => number;
  #errors: readonly RecentError[] = [];
  #lastChange: ChangeView | undefined;
  #openFailures = new Set<string>();

  constructor(log: Logger, now: () => number = Date.now) {
    this.#log = log;
    this.#now = now;
  }

  /** Newest last. */
  get recentErrors(): readonly RecentError[] {
    return this.#errors;
  }

  get lastChange(): ChangeView | undefined {
    return this.#lastChange;
  }

  error(text: string): void {
    const at = new Date(this.#now()).toISOString();
    this.#errors = [...this.#errors, { at, text }].slice(-keptErrors);
  }

  restored({ table, key, was }: Restored): void {
    this.#log.warn({ table, key, was }, 'put right what somebody else had changed');
  }

  /** A failure that stays is told once. */
  settled({ causes, report, startedAtMs, durationMs }: SettleEvent): void {
    const { set, deleted, restored } = report.writes;
    const cause = causes[0] ?? 'period';
    const isChange = set + deleted > 0 || causes.includes('cluster') || causes.includes('start');
    if (isChange) {
      const at = new Date(startedAtMs).toISOString();
      this.#lastChange = { at, cause, durationMs: round(durationMs), writes: set + deleted };
      const fields = { causes, set, deleted, restored, tables: report.written };
      this.#log.info({ ...fields, durationMs: round(durationMs) }, 'settled');
    }
    const open = new Set<string>();
    for (const { table, key, text } of report.failures) {
      const name = `${table} ${key ?? ''} ${text}`;
      open.add(name);
      if (this.#openFailures.has(name)) continue;
      this.#log.warn({ table, key }, text);
      this.error(`${table}: ${text}`);
    }
    this.#openFailures = open;
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

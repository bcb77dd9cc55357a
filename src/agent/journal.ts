// What the agent did and what went wrong lately: logged as it happens, and kept for the status screen.

import type { Logger } from '../base/log.ts';
import { type Moment, moment, wallTime } from '../base/moment.ts';
import { printable } from '../base/printable.ts';
import type { Restored, SettleReport } from '../reconcile/status.ts';
import type { ChangeView, RecentError, SettleCause } from './api-types.ts';

export interface SettleEvent {
  readonly causes: readonly SettleCause[];
  readonly report: SettleReport;
  readonly began: Moment;
  readonly durationMs: number;
}

const keptErrors = 20;

type Dated<View> = Omit<View, 'at'> & { readonly at: Moment };

export class Journal {
  readonly #log: Logger;
  #errors: readonly Dated<RecentError>[] = [];
  #lastChange: Dated<ChangeView> | undefined;
  #openFailures: ReadonlySet<string> = new Set();
  #openProblems: ReadonlySet<string> = new Set();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Newest last. */
  get recentErrors(): readonly RecentError[] {
    return this.#errors.map(({ at, text }) => ({ at: wallTime(at), text }));
  }

  get lastChange(): ChangeView | undefined {
    const last = this.#lastChange;
    return last === undefined ? undefined : { ...last, at: wallTime(last.at) };
  }

  error(text: string): void {
    this.#errors = [...this.#errors, { at: moment(), text: printable(text) }].slice(-keptErrors);
  }

  restored({ table, key, was }: Restored): void {
    this.#log.warn({ table, key, was }, 'put right what somebody else had changed');
  }

  /** A failure that stays is told once. */
  settled({ causes, report, began, durationMs }: SettleEvent): void {
    const { set, deleted, restored } = report.writes;
    const cause = causes[0] ?? 'period';
    // In a large cluster something changes all the time; what concerns this node is written.
    const isChange = set + deleted > 0 || causes.includes('start');
    if (isChange) {
      const change = { cause, durationMs: round(durationMs), writes: set + deleted };
      this.#lastChange = { at: began, ...change };
      const fields = { causes, set, deleted, restored, tables: report.written };
      this.#log.info({ ...fields, durationMs: round(durationMs) }, 'settled');
    }
    const failures = report.failures.map(({ table, text }) => `${table}: ${text}`);
    this.#openFailures = this.#tellNew(failures, this.#openFailures);
  }

  /** What cannot be used of the cluster's objects or the configuration, in words; told once while it lasts. */
  problems(texts: readonly string[]): void {
    this.#openProblems = this.#tellNew(texts, this.#openProblems);
  }

  #tellNew(texts: readonly string[], told: ReadonlySet<string>): ReadonlySet<string> {
    for (const text of new Set(texts)) {
      if (told.has(text)) continue;
      this.#log.warn({}, printable(text));
      this.error(text);
    }
    return new Set(texts);
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

// The agent's recent actions and failures: logged immediately, and kept for the status screen.

import type { ChangeView, RecentError, SettleCause } from '../api/status.ts';
import { LineLimit } from '../base/line-limit.ts';
import type { Logger } from '../base/log.ts';
import { type Moment, moment, wallTime } from '../base/moment.ts';
import { printable } from '../base/printable.ts';
import type { Restored, SettleReport } from '../reconcile/status.ts';

export interface SettleEvent {
  readonly causes: readonly SettleCause[];
  readonly report: SettleReport;
  readonly began: Moment;
  readonly durationMs: number;
}

const keptErrors = 20;

// A user may change a field repeatedly, with a different value each time.
const lineLimits = { windowMs: 60_000, perSubject: 10, inAll: 100 };

/** A problem of the cluster's objects or of the node. */
export interface JournalProblem {
  /** The object that it concerns. The number of log lines about one subject is limited. */
  readonly subject: string;
  readonly text: string;
}

interface Told {
  readonly texts: ReadonlySet<string>;
  /** New problems that were not logged yet; tried again while they last. */
  readonly withheld: ReadonlySet<string>;
}

/** `told`: the text by which the journal finds out whether the error lasts. */
type KeptError = Dated<Omit<RecentError, 'isCurrent'>> & { readonly told?: string };

const nothingTold: Told = { texts: new Set(), withheld: new Set() };

type Dated<View> = Omit<View, 'at'> & { readonly at: Moment };

export class Journal {
  readonly #log: Logger;
  #errors: readonly KeptError[] = [];
  #lastChange: Dated<ChangeView> | undefined;
  #openFailures = nothingTold;
  #openProblems = nothingTold;
  readonly #limit: LineLimit;

  constructor(log: Logger, now: () => Moment = moment) {
    this.#log = log;
    this.#limit = new LineLimit({ ...lineLimits, now });
  }

  /** Newest last. */
  get recentErrors(): readonly RecentError[] {
    return this.#errors.map(({ at, told, ...error }) => {
      const isCurrent =
        told !== undefined &&
        (this.#openFailures.texts.has(told) || this.#openProblems.texts.has(told));
      return { at: wallTime(at), ...error, ...(isCurrent && { isCurrent }) };
    });
  }

  get lastChange(): ChangeView | undefined {
    const last = this.#lastChange;
    return last === undefined ? undefined : { ...last, at: wallTime(last.at) };
  }

  error({ kind, text, from }: Pick<RecentError, 'kind' | 'text' | 'from'>): void {
    this.#keep({ kind, text, ...(from !== undefined && { from }) });
  }

  #keep(error: Omit<KeptError, 'at'>): void {
    const kept = { ...error, at: moment(), text: printable(error.text) };
    this.#errors = [...this.#errors, kept].slice(-keptErrors);
  }

  restored({ table, key, was }: Restored): void {
    this.#log.warn({ table, key, was }, 'restored an entry that another process changed');
  }

  /** Logs a lasting failure once. */
  settled({ causes, report, began, durationMs }: SettleEvent): void {
    const { set, deleted, restored } = report.writes;
    const cause = causes[0] ?? 'period';
    // In a large cluster something changes all the time. Only changes that concern this node are logged.
    const isChange = set + deleted > 0 || causes.includes('start');
    if (isChange) {
      const change = { cause, durationMs: round(durationMs), writes: set + deleted };
      this.#lastChange = { at: began, ...change };
      const fields = { causes, set, deleted, restored, tables: report.written };
      this.#log.info({ ...fields, durationMs: round(durationMs) }, 'settled');
    }
    const failures = report.failures.map(({ table, text }) => {
      return { subject: table, text: `${table}: ${text}` };
    });
    this.#openFailures = this.#tellNew('table', failures, this.#openFailures);
  }

  /** Each is logged once while it lasts. */
  problems(problems: readonly JournalProblem[]): void {
    this.#openProblems = this.#tellNew('problem', problems, this.#openProblems);
  }

  #tellNew(kind: RecentError['kind'], now: readonly JournalProblem[], before: Told): Told {
    for (const text of this.#limit.takeSummary()) this.#log.warn({}, text);
    const texts = new Set<string>();
    const withheld = new Set<string>();
    for (const [text, subject] of new Map(now.map(({ subject, text }) => [text, subject]))) {
      if (before.texts.has(text)) {
        texts.add(text);
      } else if (this.#limit.admit(subject, !before.withheld.has(text))) {
        texts.add(text);
        this.#log.warn({}, printable(text));
        this.#keep({ kind, text, told: text });
      } else {
        withheld.add(text);
      }
    }
    return { texts, withheld };
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}

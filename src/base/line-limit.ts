// Limits log lines per subject and in total, so that a user who writes objects or starts pods cannot fill the log.
// Suppressed lines are counted, and the count is logged when the window ends.

import type { Logger } from './log.ts';
import { type Moment, moment } from './moment.ts';
import { printable } from './printable.ts';

export interface LineLimitOptions {
  readonly windowMs: number;
  /** Lines per subject and window. */
  readonly perSubject: number;
  /** Lines per window. */
  readonly inAll: number;
  readonly now?: () => Moment;
}

interface Lines {
  written: number;
  withheld: number;
}

/** Maximum number of subjects that are counted individually. */
const mostSubjects = 1_000;
/** Maximum number of subjects that the summary names. */
const mostNamed = 5;

export class LineLimit {
  readonly #options: LineLimitOptions;
  readonly #now: () => Moment;
  #endsAt = 0;
  #written = 0;
  #others = 0;
  readonly #subjects = new Map<string, Lines>();
  #summary: string[] = [];

  constructor(options: LineLimitOptions) {
    this.#options = options;
    this.#now = options.now ?? moment;
  }

  /** Whether a line may be written now. `isCounted: false`: the line has already been counted as suppressed. */
  admit(subject: string, isCounted = true): boolean {
    this.#renew();
    const { perSubject, inAll } = this.#options;
    const lines = this.#linesOf(subject);
    if (lines !== undefined && lines.written < perSubject && this.#written < inAll) {
      lines.written++;
      this.#written++;
      return true;
    }
    if (!isCounted) return false;
    if (lines === undefined) this.#others++;
    else lines.withheld++;
    return false;
  }

  /** Sentences about the lines suppressed before the current window. Each is returned once. */
  takeSummary(): readonly string[] {
    this.#renew();
    const summary = this.#summary;
    this.#summary = [];
    return summary;
  }

  /** Whether nothing is counted and no summary is waiting. */
  get isIdle(): boolean {
    this.#renew();
    return this.#subjects.size === 0 && this.#summary.length === 0;
  }

  #linesOf(subject: string): Lines | undefined {
    const known = this.#subjects.get(subject);
    if (known !== undefined || this.#subjects.size >= mostSubjects) return known;
    const lines = { written: 0, withheld: 0 };
    this.#subjects.set(subject, lines);
    return lines;
  }

  #renew(): void {
    const now = this.#now();
    if (now < this.#endsAt) return;
    if (this.#subjects.size > 0)
      this.#summary = [...this.#summary, ...this.#told()].slice(-mostNamed - 1);
    this.#endsAt = now + this.#options.windowMs;
    this.#subjects.clear();
    this.#written = 0;
    this.#others = 0;
  }

  #told(): readonly string[] {
    const most = [...this.#subjects]
      .filter(([, { withheld }]) => withheld > 0)
      .sort(([, left], [, right]) => right.withheld - left.withheld);
    const seconds = this.#options.windowMs / 1000;
    const named = most
      .slice(0, mostNamed)
      .map(
        ([subject, { withheld }]) => `${printable(subject, 200)}: ${withheld} more in ${seconds} s`,
      );
    const rest = most
      .slice(mostNamed)
      .reduce((sum, [, { withheld }]) => sum + withheld, this.#others);
    return rest === 0 ? named : [...named, `others: ${rest} more in ${seconds} s`];
  }
}

// A logger with limits per message, and per pod or table that the message is about. Suppressed lines are counted, and
// the count is logged after a minute. Debug lines are not limited: they are written only on request.

/** Limits per message. */
const usual: LineLimitOptions = { windowMs: 60_000, perSubject: 60, inAll: 300 };

type Level = 'info' | 'warn' | 'error';

// Some messages contain names. Beyond this many messages, the rest share one limit.
const mostMessages = 200;

export function limitedLogger(log: Logger, options: LineLimitOptions = usual): Logger {
  const limits = new Map<string, { readonly level: Level; readonly limit: LineLimit }>();
  let isTimed = false;

  const tellWithheld = (): void => {
    for (const [key, { level, limit }] of limits) {
      // The summary has the level of the lines it counts: readers who filter those out do not see the count either.
      for (const text of limit.takeSummary()) log[level]({}, `${messageOf(key)}: ${text}`);
      if (limit.isIdle) limits.delete(key);
    }
  };
  const tellLater = (): void => {
    if (isTimed) return;
    isTimed = true;
    const tell = (): void => {
      isTimed = false;
      tellWithheld();
    };
    // The timer must not keep the process alive.
    setTimeout(tell, options.windowMs + 1).unref();
  };
  const limitOf = (level: Level, message: string): LineLimit => {
    const own = `${level} ${message}`;
    const key = limits.has(own) || limits.size < mostMessages ? own : `${level} other messages`;
    const limit = limits.get(key)?.limit ?? new LineLimit(options);
    limits.set(key, { level, limit });
    return limit;
  };
  const limited =
    (level: Level) =>
    (fields: object, message: string): void => {
      tellWithheld();
      if (limitOf(level, message).admit(subjectOf(fields))) log[level](fields, message);
      else tellLater();
    };
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: limited('info'),
    warn: limited('warn'),
    error: limited('error'),
  };
}

function messageOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}

function subjectOf(fields: object): string {
  for (const [name, value] of Object.entries(fields)) {
    if ((name === 'pod' || name === 'table') && typeof value === 'string') return value;
  }
  return 'the same';
}

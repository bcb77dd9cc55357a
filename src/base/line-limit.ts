// How many lines a log takes about one subject, and about all together: whoever writes objects or starts pods must not fill it.
// What is left out is counted, and told as a number when the time is over.

import { type Moment, moment } from './moment.ts';
import { printable } from './printable.ts';

export interface LineLimitOptions {
  readonly windowMs: number;
  /** Lines about one subject in that time. */
  readonly perSubject: number;
  /** Lines in that time. */
  readonly inAll: number;
  readonly now?: () => Moment;
}

interface Lines {
  written: number;
  withheld: number;
}

/** Of subjects that are counted one by one. */
const mostSubjects = 1_000;
/** Of subjects that are named in the end. */
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

  /** Whether a line may be written now. `isCounted: false`: one that has been counted as left out already. */
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

  /** What has been left out before the present window, in words; once. */
  takeSummary(): readonly string[] {
    this.#renew();
    const summary = this.#summary;
    this.#summary = [];
    return summary;
  }

  /** Nothing is counted, and nothing left to be told. */
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

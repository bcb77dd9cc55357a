// Runs what comes after the work proper and must not end the agent with an error of its own: the error is logged and is one of
// the journal's, once while it lasts.

import { errorText } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Journal } from './journal.ts';

export interface GuardOptions {
  readonly log: Pick<Logger, 'error'>;
  readonly journal: Pick<Journal, 'error'>;
}

export class Guard {
  readonly #options: GuardOptions;
  /** Texts by what failed last time. */
  readonly #failing = new Map<string, string>();

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** `what` is the subject of a sentence: `names of flows`. */
  run(what: string, body: () => void): void {
    try {
      body();
      this.#failing.delete(what);
    } catch (error) {
      this.note(what, error);
    }
  }

  /** Of an error that was caught elsewhere. */
  note(what: string, error: unknown): void {
    const text = errorText(error);
    if (this.#failing.get(what) === text) return;
    this.#failing.set(what, text);
    const { log, journal } = this.#options;
    log.error({ error }, `${what}: failed`);
    journal.error(`${what}: ${text}`);
  }
}

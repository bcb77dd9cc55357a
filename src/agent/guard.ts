// Runs follow-up work whose errors must not end the agent. Such an error is logged and added to the journal, once while
// it lasts.

import { errorText } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import type { Journal } from './journal.ts';

export interface GuardOptions {
  readonly log: Pick<Logger, 'error'>;
  readonly journal: Pick<Journal, 'error'>;
}

export class Guard {
  readonly #options: GuardOptions;
  /** Texts of the last failures, by subject. */
  readonly #failing = new Map<string, string>();

  constructor(options: GuardOptions) {
    this.#options = options;
  }

  /** `what`: the subject of a sentence, such as `names of flows`. */
  run(what: string, body: () => void): void {
    try {
      body();
      this.#failing.delete(what);
    } catch (error) {
      this.note(what, error);
    }
  }

  /** Records an error that was caught elsewhere. */
  note(what: string, error: unknown): void {
    const text = errorText(error);
    if (this.#failing.get(what) === text) return;
    this.#failing.set(what, text);
    const { log, journal } = this.#options;
    log.error({ error }, `${what}: failed`);
    journal.error({ kind: 'internal', text: `${what}: ${text}` });
  }
}

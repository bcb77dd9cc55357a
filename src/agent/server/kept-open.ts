// Something that listens and must never keep the agent from working: opened aside, again with back-off where that fails or it
// breaks later. What is wrong meanwhile is a problem in words.

import { setTimeout } from 'node:timers/promises';
import { type BackoffOptions, backoffMs } from '../../base/backoff.ts';
import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';

export interface Opened {
  /** As listened on. */
  readonly address: string;
  /** Rejects when it breaks; never resolves. */
  readonly broken: Promise<never>;
  close(): void;
}

export interface KeptOpenOptions {
  /** For the log and for problems: `metrics.address`. */
  readonly name: string;
  /** Its consequence, in words: `metrics cannot be read there`. */
  readonly consequence: string;
  open(): Promise<Opened>;
  /** Why it does not listen; undefined: it does. Called when that changes. */
  onProblem(problem: string | undefined): void;
  readonly log: Logger;
  readonly backoff?: BackoffOptions;
}

// A port that somebody else has may come free at any time, and an attempt costs microseconds.
const patience: BackoffOptions = { firstMs: 500, maxMs: 10_000 };

export class KeptOpen {
  readonly #options: KeptOpenOptions;
  #problem: string | undefined;

  constructor(options: KeptOpenOptions) {
    this.#options = options;
  }

  /** Until `signal` aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      try {
        failures = await this.#openUntilBroken(signal, failures);
      } catch (error) {
        failures += 1;
        this.#tell(errorText(error));
        const delayMs = backoffMs(failures, this.#options.backoff ?? patience);
        await setTimeout(delayMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** 0 when it was open until the end. Throws why it could not be opened, or has broken. */
  async #openUntilBroken(signal: AbortSignal, failures: number): Promise<number> {
    const { open, log, name } = this.#options;
    const opened = await open();
    this.#tell(undefined);
    const { address } = opened;
    log.info({ [name]: address, ...(failures > 0 ? { failures } : {}) }, 'listening');
    try {
      await Promise.race([opened.broken, aborted(signal)]);
      return 0;
    } finally {
      opened.close();
    }
  }

  #tell(text: string | undefined): void {
    const { name, consequence, onProblem } = this.#options;
    const problem = text === undefined ? undefined : `${name}: ${text}; ${consequence}`;
    if (problem === this.#problem) return;
    this.#problem = problem;
    onProblem(problem);
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

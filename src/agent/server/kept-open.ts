// A listener that must never keep the agent from working: it is opened asynchronously, and again with back-off after
// failures. Meanwhile it is reported as a problem.

import { setTimeout } from 'node:timers/promises';
import { type BackoffOptions, backoffMs } from '../../base/backoff.ts';
import { errorText } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';

export interface Opened {
  /** The actual listen address. */
  readonly address: string;
  /** Rejects when it fails; never resolves. */
  readonly broken: Promise<never>;
  close(): void;
}

export interface KeptOpenOptions {
  /** Name for the log and for problems: `metrics.address`. */
  readonly name: string;
  /** Its consequence: `metrics cannot be read there`. */
  readonly consequence: string;
  open(): Promise<Opened>;
  /** Called when the reason why it does not listen changes; undefined: it listens. */
  onProblem(problem: string | undefined): void;
  readonly log: Pick<Logger, 'info'>;
  readonly backoff?: BackoffOptions;
}

// A port used by another process may become free at any time, and an attempt costs microseconds.
const patience: BackoffOptions = { firstMs: 500, maxMs: 10_000 };

export class KeptOpen {
  readonly #options: KeptOpenOptions;
  #problem: string | undefined;

  constructor(options: KeptOpenOptions) {
    this.#options = options;
  }

  /** Runs until `signal` aborts; never rejects. */
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

  /** Returns 0 if it was open until the end. Throws why it could not be opened, or has failed. */
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

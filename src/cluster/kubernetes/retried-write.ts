// Repeats one write to the API server until it takes effect: one request at a time, with a growing pause after each,
// even a successful one. The object's state decides whether there is still something to write.

import { type BackoffOptions, backoffMs } from '../../base/backoff.ts';
import { errorText } from '../../base/errors.ts';
import { AnswerError, ApiError, ConnectionError } from './client/api-error.ts';
import { pause, type Subscribe } from './client/pause.ts';
import { shownText } from './client/shown.ts';

export interface Write {
  /** Equal for equal writes to the same object. */
  readonly key: string;
  send(signal: AbortSignal): Promise<unknown>;
}

export interface WriteTimes {
  readonly firstMs: number;
  /** Pause for a server that is unavailable, overloaded, or has another version of the object. */
  readonly transientMs: number;
  /** Pause for a server that refuses the write: someone has to act first. */
  readonly refusedMs: number;
}

export const writeTimes: WriteTimes = { firstMs: 1_000, transientMs: 30_000, refusedMs: 300_000 };

export interface RetriedWriteOptions {
  readonly signal: AbortSignal;
  /** See `ApiClient.onRecovered`. */
  readonly onRecovered: Subscribe;
  readonly times?: WriteTimes | undefined;
  readonly random?: (() => number) | undefined;
}

/** Number of attempts after which a transient failure is reported. */
const toldAfter = 3;

export class RetriedWrite {
  readonly #options: RetriedWriteOptions;
  #wanted: Write | undefined;
  #running: Promise<void> | undefined;
  #attempt = 0;
  #problem: string | undefined;

  constructor(options: RetriedWriteOptions) {
    this.#options = options;
  }

  /** Why the write fails; undefined while it succeeds or may succeed soon. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Undefined: there is nothing to write. Returns immediately. */
  want(write: Write | undefined): void {
    this.#wanted = write;
    if (write === undefined) {
      this.#attempt = 0;
      this.#problem = undefined;
    } else {
      this.#running ??= this.#run().finally(() => {
        this.#running = undefined;
      });
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#options;
    while (this.#wanted !== undefined && !signal.aborted) {
      const { key } = this.#wanted;
      let error: unknown;
      try {
        await this.#wanted.send(signal);
        this.#problem = undefined;
      } catch (caught) {
        if (signal.aborted) return;
        error = caught;
      }
      this.#attempt++;
      if (error !== undefined) this.#failed(error);
      await this.#pause(error);
      // For another object or another text, the last failure is no longer relevant.
      if (this.#wanted !== undefined && this.#wanted.key !== key) this.#attempt = 0;
    }
  }

  #failed(error: unknown): void {
    const text = shownText(errorText(error), 1_000);
    if (!isTransient(error) || this.#attempt >= toldAfter) this.#problem = text;
  }

  // Also after a success: until the watch reports it, the object looks unchanged.
  #pause(error: unknown): Promise<void> {
    const { signal, onRecovered, times = writeTimes, random = Math.random } = this.#options;
    const { firstMs, transientMs, refusedMs } = times;
    const maxMs = error === undefined || isTransient(error) ? transientMs : refusedMs;
    const options: BackoffOptions = { firstMs, maxMs, random };
    const delayMs = backoffMs(this.#attempt, options);
    const asked = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    const until = error instanceof ConnectionError ? onRecovered : undefined;
    const waitMs = Math.max(delayMs, asked * (1 + 0.1 * random()));
    return pause(waitMs, { signal, until, leastMs: Math.min(delayMs, firstMs * 4) });
  }
}

/**
 * Whether the failure may be transient: no answer, overload, a server that cannot write, another version of the object
 * (409; 422 is a JSON patch whose test failed).
 */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectionError || error instanceof AnswerError) return true;
  return (
    error instanceof ApiError &&
    (error.status >= 500 || [408, 409, 422, 429].includes(error.status))
  );
}

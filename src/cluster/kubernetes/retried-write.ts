// One thing that the API server should be told, until it is: one request at a time, and after each, whatever came of it, a
// pause that grows. What the server says of the object decides whether there is still something to write.

import { type BackoffOptions, backoffMs } from '../../base/backoff.ts';
import { errorText } from '../../base/errors.ts';
import { AnswerError, ApiError, ConnectionError } from './client/api-error.ts';
import { pause, type Subscribe } from './client/pause.ts';
import { shownText } from './client/shown.ts';

export interface Write {
  /** The same while the same is to be written to the same object. */
  readonly key: string;
  send(signal: AbortSignal): Promise<unknown>;
}

export interface WriteTimes {
  readonly firstMs: number;
  /** For a server that is away, overloaded, or has another version of the object than we. */
  readonly transientMs: number;
  /** For a server that refuses it: somebody must do something first. */
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

/** What passes by itself is told when it has not passed by then. */
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

  /** Why it is not written; undefined while it is, or may be soon. */
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
      // Of another object, or another text: what the last one met with says nothing about it.
      if (this.#wanted !== undefined && this.#wanted.key !== key) this.#attempt = 0;
    }
  }

  #failed(error: unknown): void {
    const text = shownText(errorText(error), 1_000);
    if (!isTransient(error) || this.#attempt >= toldAfter) this.#problem = text;
  }

  // Also after a success: until the watch says so, the object looks as if nothing had been written.
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

/** Whether it may pass by itself: no answer, overload, a server that cannot write, another version of the object (409; 422 is a
 * JSON patch whose test failed). */
export function isTransient(error: unknown): boolean {
  if (error instanceof ConnectionError || error instanceof AnswerError) return true;
  return (
    error instanceof ApiError &&
    (error.status >= 500 || [408, 409, 422, 429].includes(error.status))
  );
}

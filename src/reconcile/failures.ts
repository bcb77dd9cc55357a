// Entries that could not be written, by key, with the time of the next attempt: later after each consecutive failure.

import { type BackoffOptions, backoffMs } from '../base/backoff.ts';
import { errorText } from '../base/errors.ts';
import type { FailureStatus } from './status.ts';

export interface RetryOptions {
  readonly now: () => number;
  readonly backoff: BackoffOptions;
}

export interface Failure<Entry> {
  /** The entry to be set; undefined: a delete or a listing failed. */
  readonly entry: Entry | undefined;
  readonly attempts: number;
  readonly text: string;
  readonly retryAt: number;
}

export interface Failed<Entry> {
  readonly error: unknown;
  readonly entry: Entry | undefined;
}

/** The failure that follows `last`, if `last` is a failure. */
export function failureAfter<Entry>(
  last: Failure<Entry> | undefined,
  { error, entry }: Failed<Entry>,
  { now, backoff }: RetryOptions,
): Failure<Entry> {
  const attempts = (last?.attempts ?? 0) + 1;
  const text = errorText(error);
  return { entry, attempts, text, retryAt: now() + backoffMs(attempts, backoff) };
}

export class Failures<Entry> {
  readonly #options: RetryOptions;
  readonly #byKey = new Map<string, Failure<Entry>>();

  constructor(options: RetryOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#byKey.size;
  }

  keys(): Iterable<string> {
    return this.#byKey.keys();
  }

  has(key: string): boolean {
    return this.#byKey.has(key);
  }

  add(key: string, failed: Failed<Entry>): void {
    this.#byKey.set(key, failureAfter(this.#byKey.get(key), failed, this.#options));
  }

  forget(key: string): void {
    this.#byKey.delete(key);
  }

  /** A different entry is due immediately, the same one at its time. */
  isDue(
    key: string,
    entry: Entry | undefined,
    equal: (left: Entry, right: Entry) => boolean,
  ): boolean {
    const failure = this.#byKey.get(key);
    if (failure === undefined || failure.retryAt <= this.#options.now()) return true;
    if (entry === undefined || failure.entry === undefined) return entry !== failure.entry;
    return entry !== failure.entry && !equal(entry, failure.entry);
  }

  status(): readonly FailureStatus[] {
    return Array.from(this.#byKey, ([key, { text, retryAt }]) => ({ key, text, retryAt }));
  }
}

// Sequential attempts at one resource: number of consecutive failures, and the pause after each.

import { backoffMs } from '../../base/backoff.ts';
import { ApiError, ConnectionError } from './client/api-error.ts';
import type { ApiTimes } from './client/api-times.ts';
import { pause, type Subscribe } from './client/pause.ts';

export class Attempts {
  #failed = 0;
  readonly #backoff: ApiTimes['backoff'];
  readonly #random: () => number;

  constructor({ backoff }: Pick<ApiTimes, 'backoff'>, random: () => number) {
    this.#backoff = backoff;
    this.#random = random;
  }

  get haveFailed(): boolean {
    return this.#failed > 0;
  }

  succeeded(): void {
    this.#failed = 0;
  }

  /** At least as long as the server asks; without a connection, at most until there is one. */
  pauseAfter(
    error: unknown,
    onRecovered: Subscribe | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const leastMs = error instanceof ApiError ? (error.retryAfterMs ?? 0) : 0;
    const recovered = error instanceof ConnectionError ? onRecovered : undefined;
    return this.pause(signal, { leastMs, recovered });
  }

  async pause(
    signal: AbortSignal,
    options: { leastMs?: number; recovered?: Subscribe | undefined } = {},
  ): Promise<void> {
    this.#failed++;
    const delayMs = backoffMs(this.#failed, { ...this.#backoff, random: this.#random });
    // All agents receive the same Retry-After. The jitter keeps them from retrying simultaneously.
    const leastMs = (options.leastMs ?? 0) * (1 + 0.1 * this.#random());
    await pause(Math.max(delayMs, leastMs), {
      signal,
      until: options.recovered,
      // An address that repeatedly appears and disappears would wake the agent all the time.
      leastMs: Math.min(delayMs, 4 * this.#backoff.firstMs),
    });
  }
}

/** Whether a repeated request would be refused again. */
export function isOurFault(error: unknown): boolean {
  if (!(error instanceof ApiError)) return false;
  const { status } = error;
  return status >= 400 && status < 500 && ![401, 403, 408, 410, 429].includes(status);
}

// When to try again: doubling from `firstMs` to `maxMs`, with jitter so that nodes do not retry in step.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Returns [0, 1); passed in so that tests decide. */
  readonly random?: () => number;
}

/** The delay before attempt `attempt + 1` after `attempt` failures (1-based), in ms: between half and all of the step. */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const step = Math.min(options.maxMs, options.firstMs * 2 ** Math.max(0, attempt - 1));
  return Math.round(step * (0.5 + 0.5 * (options.random ?? Math.random)()));
}

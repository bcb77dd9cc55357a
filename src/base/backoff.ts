// Delay before a retry: it doubles from `firstMs` to `maxMs`, with jitter so that nodes do not retry simultaneously.

export interface BackoffOptions {
  readonly firstMs: number;
  readonly maxMs: number;
  /** Returns a number in [0, 1). Tests pass their own. */
  readonly random?: () => number;
}

/**
 * Delay in ms before attempt `attempt + 1` after `attempt` failures (1-based): between half of the step and the whole
 * step.
 */
export function backoffMs(attempt: number, options: BackoffOptions): number {
  const step = Math.min(options.maxMs, options.firstMs * 2 ** Math.max(0, attempt - 1));
  return Math.round(step * (0.5 + 0.5 * (options.random ?? Math.random)()));
}

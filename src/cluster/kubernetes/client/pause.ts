// A pause that ends early on abort or on an event.

// Maximum delay of a timer; a longer one would fire immediately.
const longestMs = 2 ** 31 - 1;

/** Calls `wake` on each event from now on. Returns a function that unsubscribes. */
export type Subscribe = (wake: () => void) => () => void;

export interface PauseOptions {
  readonly signal: AbortSignal;
  /** Events that end the pause early. */
  readonly until?: Subscribe | undefined;
  /** Minimum duration, even if `until` fires earlier. Default 0. */
  readonly leastMs?: number | undefined;
}

/**
 * Resolves after `delayMs`, with `until`, or when `signal` aborts, whichever comes first, and after at most 24 days.
 */
export function pause(
  delayMs: number,
  { signal, until, leastMs = 0 }: PauseOptions,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const whole = bounded(delayMs);
  const least = Math.min(whole, bounded(leastMs));
  return new Promise((resolve) => {
    const began = performance.now();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      unsubscribe?.();
      resolve();
    };
    let timer = setTimeout(end, whole);
    signal.addEventListener('abort', end, { once: true });
    const unsubscribe = until?.(() => {
      clearTimeout(timer);
      timer = setTimeout(end, Math.max(0, least - (performance.now() - began)));
    });
  });
}

function bounded(ms: number): number {
  return Number.isNaN(ms) ? 0 : Math.min(longestMs, Math.max(0, ms));
}

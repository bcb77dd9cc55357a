// Waiting that ends early: on abort, or when what is waited out is over.

// What a timer can count; it would fire immediately for more.
const longestMs = 2 ** 31 - 1;

/** Has `wake` called with each such event from now on; returns what ends that. */
export type Subscribe = (wake: () => void) => () => void;

export interface PauseOptions {
  readonly signal: AbortSignal;
  /** What may end the pause early. */
  readonly until?: Subscribe | undefined;
  /** However early `until` comes; 0 unless given. */
  readonly leastMs?: number | undefined;
}

/** Resolves after `delayMs`, or with `until`, or when `signal` aborts, whichever comes first. Never later than in 24 days. */
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

// Waiting that ends early: on abort, or when what is waited out is over.

// What a timer can count; it would fire immediately for more.
const longestMs = 2 ** 31 - 1;

export interface PauseOptions {
  readonly signal: AbortSignal;
  readonly until?: Promise<void> | undefined;
  /** However early `until` resolves; 0 unless given. */
  readonly leastMs?: number | undefined;
}

/** Resolves after `delayMs`, or with `until`, or when `signal` aborts, whichever comes first. Never later than in 24 days. */
export function pause(
  delayMs: number,
  { signal, until, leastMs = 0 }: PauseOptions,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  const least = Math.min(longestMs, Math.max(0, leastMs));
  return new Promise((resolve) => {
    const began = performance.now();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    let timer = setTimeout(end, Math.min(longestMs, Math.max(0, delayMs || 0)));
    signal.addEventListener('abort', end, { once: true });
    void until?.then(() => {
      const leftMs = least - (performance.now() - began);
      if (leftMs <= 0) return end();
      if (least >= delayMs) return;
      clearTimeout(timer);
      timer = setTimeout(end, leftMs);
    });
  });
}

// Waiting that ends early: on abort, or when what is waited out is over.

/** Resolves after `delayMs`, or with `until`, or when `signal` aborts, whichever comes first. */
export function pause(
  delayMs: number,
  { signal, until }: { readonly signal: AbortSignal; readonly until?: Promise<void> | undefined },
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, delayMs);
    signal.addEventListener('abort', end, { once: true });
    void until?.then(end);
  });
}

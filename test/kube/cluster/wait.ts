// Waits for a condition: checks it repeatedly, and after the timeout the error names it and shows the current state.

export interface WaitOptions {
  /** Default 30 s. */
  readonly timeoutMs?: number;
  /**
   * The first interval; later a tenth of the time waited, at most half a second: checks take processor time from what
   * is waited for.
   */
  readonly everyMs?: number;
  /** Added to the error. */
  readonly diagnosis?: () => Promise<string>;
  readonly signal?: AbortSignal | undefined;
}

/** Resolves with the first answer that is neither undefined nor false. An error of `check` ends the wait. */
export async function eventually<Value>(
  what: string,
  check: () => Promise<Value | undefined | false> | Value | undefined | false,
  { timeoutMs = 30_000, everyMs = 100, diagnosis, signal }: WaitOptions = {},
): Promise<Value> {
  const began = Date.now();
  const deadline = began + timeoutMs;
  for (;;) {
    signal?.throwIfAborted();
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > deadline) {
      const found = diagnosis === undefined ? '' : `\n${await diagnosis()}`;
      throw new Error(`not within ${timeoutMs / 1000} s: ${what}${found}`);
    }
    const pauseMs = Math.max(everyMs, Math.min(500, (Date.now() - began) / 10));
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

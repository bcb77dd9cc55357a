// Waiting for a condition: it is asked again and again, and when the time is up the error names it and shows what there is.

export interface WaitOptions {
  /** 30 s unless given. */
  readonly timeoutMs?: number;
  /** At first; later a tenth of what has been waited, at most half a second: asking costs the processor that is waited for. */
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

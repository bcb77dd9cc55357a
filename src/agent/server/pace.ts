// Bounds what a flood of connections costs: a thread that has accepted many pauses. Connections that it has not accepted
// wait in the kernel, or are refused there. Never for the agent's own thread.

export interface PaceOptions {
  /** Number of connections between two pauses. */
  readonly acceptedAtOnce: number;
  readonly pauseMs: number;
}

/** Returns a function to be called once per connection, with or without a request. */
export function pacer({ acceptedAtOnce, pauseMs }: PaceOptions): () => void {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  let accepted = 0;
  let windowEndsMs = 0;
  return () => {
    const now = performance.now();
    if (now > windowEndsMs) {
      accepted = 0;
      windowEndsMs = now + pauseMs;
    }
    accepted++;
    if (accepted < acceptedAtOnce) return;
    Atomics.wait(pause, 0, 0, pauseMs);
    accepted = 0;
  };
}

// Request and results of the prober.

export interface ProbeTarget {
  readonly address: string;
  /** The pod expected to answer, `namespace/name`. An answer from another pod is a failure. */
  readonly pod: string;
}

export interface ProbeRequest {
  readonly targets: readonly ProbeTarget[];
  /** Number of measured round trips on one connection; the result is the median. */
  readonly rounds: number;
  readonly timeoutMs: number;
}

export type ProbeResult =
  | { readonly ok: true; readonly medianUs: number }
  /** A short reason: `refused`, `timeout`, `unreachable`, `answered by shop/db-1`. */
  | { readonly ok: false; readonly reason: string };

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

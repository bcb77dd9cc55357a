// What the prober is asked and what it answers.

export interface ProbeTarget {
  readonly address: string;
  /** The pod that has to answer, `namespace/name`: another one answering is a failure. */
  readonly pod: string;
}

export interface ProbeRequest {
  readonly targets: readonly ProbeTarget[];
  /** Measured round trips over one connection; the median is taken. */
  readonly rounds: number;
  readonly timeoutMs: number;
}

export type ProbeResult =
  | { readonly ok: true; readonly medianUs: number }
  /** In few words: `refused`, `timeout`, `unreachable`, `answered by shop/db-1`. */
  | { readonly ok: false; readonly reason: string };

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

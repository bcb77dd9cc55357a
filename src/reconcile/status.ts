// Reports of the reconciler, per table and per settle.

export interface FailureStatus {
  /** Absent if the table as a whole could not be listed. */
  readonly key?: string | undefined;
  readonly text: string;
  /** Time of the next attempt, in ms on the reconciler's clock (performance.now()). */
  readonly retryAt: number;
}

export interface WriteCounts {
  readonly set: number;
  readonly deleted: number;
  /** Number of sets for entries that were applied and that a relist found missing or changed. */
  readonly restored: number;
}

export interface TableStatus {
  readonly name: string;
  readonly desired: number;
  /** Number of desired entries that the kernel has. */
  readonly applied: number;
  readonly failures: readonly FailureStatus[];
  /** Since the reconciler was created. */
  readonly writes: WriteCounts;
}

export interface SettleReport {
  /** Of this settle alone. */
  readonly writes: WriteCounts;
  /** Names of the tables that were written to. */
  readonly written: readonly string[];
  /** Entries that are not as desired afterwards, including those that wait for their retry. */
  readonly failures: readonly (FailureStatus & { readonly table: string })[];
  /** When to settle again because of failures, in ms on the reconciler's clock. */
  readonly retryAt?: number | undefined;
}

/** An entry that another process changed and that was restored. */
export interface Restored {
  readonly table: string;
  readonly key: string;
  /** `extra`: an entry that looks like heddle's but was never applied; it was deleted. */
  readonly was: 'missing' | 'changed' | 'extra';
}

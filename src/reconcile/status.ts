// What the reconciler tells people: by table, and about one settle.

export interface FailureStatus {
  /** Absent when the table as a whole could not be listed. */
  readonly key?: string | undefined;
  readonly text: string;
  /** When it is tried again; ms on the reconciler's clock (performance.now()). */
  readonly retryAt: number;
}

export interface WriteCounts {
  readonly set: number;
  readonly deleted: number;
  /** Of the sets: what we had applied and a relist found missing or changed. */
  readonly restored: number;
}

export interface TableStatus {
  readonly name: string;
  readonly desired: number;
  /** Of the desired: how many the kernel has. */
  readonly applied: number;
  readonly failures: readonly FailureStatus[];
  /** Since the reconciler was made. */
  readonly writes: WriteCounts;
}

export interface SettleReport {
  /** Of this settle alone. */
  readonly writes: WriteCounts;
  /** Names of the tables that something was written to. */
  readonly written: readonly string[];
  /** What is not as desired after it, including what waits for its retry. */
  readonly failures: readonly (FailureStatus & { readonly table: string })[];
  /** When to settle again because of failures; ms on the reconciler's clock. */
  readonly retryAt?: number | undefined;
}

/** Somebody else changed what was ours, and it has been put right. */
export interface Restored {
  readonly table: string;
  readonly key: string;
  /** `extra`: an entry that looks like ours and that we never applied; it was deleted. */
  readonly was: 'missing' | 'changed' | 'extra';
}

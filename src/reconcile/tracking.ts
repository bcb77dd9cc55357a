// What the reconciler asks of a table that it follows.

import type { RetryOptions } from './failures.ts';
import type { FailureStatus, Restored, TableStatus, WriteCounts } from './status.ts';

export interface PlanOptions {
  /** Ask the kernel again instead of trusting what was applied. */
  readonly relist: boolean;
  /** Also delete what this process never wanted: only once every source has delivered its first full list. */
  readonly prune: boolean;
}

export interface Tracking extends RetryOptions {
  readonly batchSize: number;
  /** Lets other work run between batches. */
  readonly pause: () => Promise<void>;
  readonly onRestored: (restored: Restored) => void;
}

/** A table with its entry type closed over, so that tables of different entries stand in one list. */
export interface TrackedTable<Desired> {
  readonly name: string;
  readonly writes: WriteCounts;
  plan(desired: Desired, options: PlanOptions): void;
  applySets(): Promise<void>;
  applyDeletes(): Promise<void>;
  failures(): readonly FailureStatus[];
  status(): TableStatus;
  /** Asks the kernel: which of these keys it has other than desired, in words. Throws what `Table.list` throws. */
  inspect(keys: readonly string[]): readonly string[];
}

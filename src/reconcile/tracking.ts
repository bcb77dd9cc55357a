// The interface between the reconciler and a tracked table.

import type { RetryOptions } from './failures.ts';
import type { FailureStatus, Restored, TableStatus, WriteCounts } from './status.ts';

export interface PlanOptions {
  /** Query the kernel again instead of relying on the applied state. */
  readonly relist: boolean;
  /** Also delete entries that this process never wanted: only after every source has delivered its first full list. */
  readonly prune: boolean;
}

export interface Tracking extends RetryOptions {
  readonly batchSize: number;
  /** Called between batches so that other work can run. */
  readonly pause: () => Promise<void>;
  readonly onRestored: (restored: Restored) => void;
}

/** A table with its entry type hidden, so that tables of different entries fit into one list. */
export interface TrackedTable<Desired> {
  readonly name: string;
  readonly writes: WriteCounts;
  plan(desired: Desired, options: PlanOptions): void;
  applySets(): Promise<void>;
  applyDeletes(): Promise<void>;
  failures(): readonly FailureStatus[];
  status(): TableStatus;
  /**
   * Queries the kernel: which of these keys differ from the desired state, as sentences. Throws the errors of
   * `Table.list`.
   */
  inspect(keys: readonly string[]): readonly string[];
}

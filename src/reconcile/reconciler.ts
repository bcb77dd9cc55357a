// Makes the kernel's tables match the desired state; the only writer. Level-triggered: each settle receives the whole
// desired state, compares it with the applied state (or, on a relist, with the kernel's), and writes differences.
//
// Order. Sets run in the order of the tables, so that referenced entries exist first: devices before addresses, an
// endpoint's entry before the program that looks it up. Deletes run after all sets in reverse order, so that nothing is
// removed before its replacement exists, and references are removed before their targets: programs are detached before
// the entries they read, routes are deleted before the device.

import { setImmediate } from 'node:timers/promises';
import type { BackoffOptions } from '../base/backoff.ts';
import type { Restored, SettleReport, TableStatus, WriteCounts } from './status.ts';
import type { PlanOptions, TrackedTable, Tracking } from './tracking.ts';

export interface ReconcilerOptions {
  readonly backoff?: BackoffOptions | undefined;
  /** Number of entries written before other work may run. */
  readonly batchSize?: number | undefined;
  /** Monotonic time in ms. Default performance.now(). */
  readonly now?: (() => number) | undefined;
  readonly onRestored?: ((restored: Restored) => void) | undefined;
}

/** An entry by the name of its table and its key there. */
export interface EntryName {
  readonly table: string;
  readonly key: string;
}

export class Reconciler<Desired> {
  readonly #tables: readonly TrackedTable<Desired>[];
  #last: Promise<unknown> = Promise.resolve();

  /** @param tables in the order in which they are applied; from `trackTable` */
  constructor(
    tables: readonly ((tracking: Tracking) => TrackedTable<Desired>)[],
    options: ReconcilerOptions = {},
  ) {
    const tracking: Tracking = {
      now: options.now ?? (() => performance.now()),
      backoff: options.backoff ?? { firstMs: 1_000, maxMs: 30_000 },
      batchSize: options.batchSize ?? 256,
      pause: () => setImmediate(),
      onRestored: options.onRestored ?? (() => {}),
    };
    this.#tables = tables.map((track) => track(tracking));
  }

  /**
   * Resolves when everything that could be applied is. Failures are in the report, never thrown. The first settle of a
   * process always lists. Overlapping calls run one after the other.
   */
  settle(desired: Desired, options: PlanOptions): Promise<SettleReport> {
    const settled = this.#last.then(() => this.#settle(desired, options));
    this.#last = settled.catch(() => undefined);
    return settled;
  }

  /** In the order in which tables are applied. */
  status(): readonly TableStatus[] {
    return this.#tables.map((table) => table.status());
  }

  /**
   * Queries the kernel without changing anything: which of these entries are missing or different, as sentences. Throws
   * KernelError if it cannot be queried.
   */
  inspect(entries: readonly EntryName[]): readonly string[] {
    return this.#tables.flatMap((table) => {
      const keys = entries.filter((entry) => entry.table === table.name).map(({ key }) => key);
      return keys.length === 0 ? [] : table.inspect(keys);
    });
  }

  async #settle(desired: Desired, options: PlanOptions): Promise<SettleReport> {
    const before = this.#tables.map(({ writes }) => writes);
    for (const table of this.#tables) {
      table.plan(desired, options);
      await table.applySets();
    }
    for (const table of this.#tables.toReversed()) await table.applyDeletes();
    return report(before, this.#tables);
  }
}

function report<Desired>(
  before: readonly WriteCounts[],
  tables: readonly TrackedTable<Desired>[],
): SettleReport {
  const byTable = tables.map(({ name, writes }, index) => ({
    name,
    writes: subtract(writes, before[index]),
  }));
  const failures = tables.flatMap((table) =>
    table.failures().map((failure) => ({ ...failure, table: table.name })),
  );
  return {
    writes: byTable.map(({ writes }) => writes).reduce(add, noWrites),
    written: byTable
      .filter(({ writes }) => writes.set + writes.deleted > 0)
      .map(({ name }) => name),
    failures,
    retryAt: failures.length > 0 ? Math.min(...failures.map(({ retryAt }) => retryAt)) : undefined,
  };
}

const noWrites: WriteCounts = { set: 0, deleted: 0, restored: 0 };

function add(left: WriteCounts, right: WriteCounts): WriteCounts {
  return {
    set: left.set + right.set,
    deleted: left.deleted + right.deleted,
    restored: left.restored + right.restored,
  };
}

function subtract(left: WriteCounts, right: WriteCounts = noWrites): WriteCounts {
  return {
    set: left.set - right.set,
    deleted: left.deleted - right.deleted,
    restored: left.restored - right.restored,
  };
}

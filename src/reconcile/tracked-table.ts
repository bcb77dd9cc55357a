// One table as tracked by the reconciler: desired entries, known kernel state, failures and retries. The reconciler
// decides the order between tables; everything within one table is here.

import { DesiredEntries } from './desired-entries.ts';
import { type Difference, difference } from './diff.ts';
import { type Failure, Failures, failureAfter } from './failures.ts';
import type { FailureStatus, Restored, TableStatus, WriteCounts } from './status.ts';
import type { DesiredContents, Table, TransactedTable } from './table.ts';
import type { PlanOptions, TrackedTable, Tracking } from './tracking.ts';
import { failuresOf, filter, inBatches, noWrites, type Writes } from './writing.ts';

/** Joins a table with what it should hold. */
export function trackTable<Desired, Entry, Item>(
  table: Table<Entry> | TransactedTable<Entry>,
  contents: DesiredContents<Desired, Entry, Item>,
): (tracking: Tracking) => TrackedTable<Desired> {
  return (tracking) => new TableTracker({ table, contents, tracking });
}

interface TrackerParts<Desired, Entry, Item> {
  readonly table: Table<Entry> | TransactedTable<Entry>;
  readonly contents: DesiredContents<Desired, Entry, Item>;
  readonly tracking: Tracking;
}

class TableTracker<Desired, Entry, Item> implements TrackedTable<Desired> {
  readonly #table: Table<Entry> | TransactedTable<Entry>;
  readonly #tracking: Tracking;
  readonly #desired: DesiredEntries<Desired, Entry, Item>;
  /** Known kernel state; entries equal to the desired ones are the same objects. */
  #applied = new Map<string, Entry>();
  #isListed = false;
  /** The last listing, while it equals the desired state and nothing has been desired or written since. */
  #rightListing: ReadonlyMap<string, Entry> | undefined;
  /** Keys found by a listing that this process never wanted: deleted only if pruning is allowed. */
  readonly #foreign = new Set<string>();
  /** Keys whose next write restores what another process changed. */
  readonly #tampered = new Map<string, Restored['was']>();
  readonly #failures: Failures<Entry>;
  #listFailure: Failure<Entry> | undefined;
  #planned: Writes<Entry> = noWrites;
  #writes: WriteCounts = { set: 0, deleted: 0, restored: 0 };

  constructor({ table, contents, tracking }: TrackerParts<Desired, Entry, Item>) {
    this.#table = table;
    this.#desired = new DesiredEntries(contents);
    this.#tracking = tracking;
    this.#failures = new Failures(tracking);
  }

  get name(): string {
    return this.#table.name;
  }

  get writes(): WriteCounts {
    return this.#writes;
  }

  plan(desired: Desired, { relist, prune }: PlanOptions): void {
    const changed = this.#desired.update(desired);
    if (changed.size > 0) this.#rightListing = undefined;
    const mustList = relist || !this.#isListed || this.#listFailure !== undefined;
    if (!mustList && changed.size === 0 && !this.#hasUnfinished()) {
      this.#planned = noWrites;
      return;
    }
    const hasListed = mustList && this.#list();
    const { set, surplus, same } = this.#difference(
      hasListed ? this.#allKeys() : this.#open(changed),
    );
    if (set.size > 0 || surplus.size > 0) this.#rightListing = undefined;
    for (const [key, entry] of same) this.#applied.set(key, entry);
    for (const key of this.#foreign) if (!surplus.has(key)) this.#foreign.delete(key);
    forget(this.#failures.keys(), { set, surplus }, (key) => this.#failures.forget(key));
    forget(this.#tampered.keys(), { set, surplus }, (key) => this.#tampered.delete(key));
    const remove = filter(surplus, (key) => prune || !this.#foreign.has(key));
    this.#planned = this.#due({ set, remove });
  }

  async applySets(): Promise<void> {
    const table = this.#table;
    const { set } = this.#planned;
    if ('transact' in table) {
      if (set.size > 0) this.#transact(table);
      return;
    }
    await inBatches(set, this.#tracking, (batch) => {
      this.#bookSets(
        batch,
        failuresOf(batch, (all) => table.set(all)),
      );
    });
  }

  async applyDeletes(): Promise<void> {
    const table = this.#table;
    const { set, remove } = this.#planned;
    if ('transact' in table) {
      if (set.size === 0 && remove.size > 0) this.#transact(table);
      return;
    }
    await inBatches(remove, this.#tracking, (batch) => {
      this.#bookDeletes(
        batch,
        failuresOf(batch, (all) => table.delete(all)),
      );
    });
    // A full map refuses entries for which the deletes have just made room.
    const refused = filter(set, (key) => this.#failures.has(key));
    if (remove.size === 0 || refused.size === 0) return;
    this.#planned = { set: refused, remove: noWrites.remove };
    await this.applySets();
  }

  failures(): readonly FailureStatus[] {
    const byKey = this.#ofTransaction(this.#failures.status());
    if (this.#listFailure === undefined) return byKey;
    const { text, retryAt } = this.#listFailure;
    return [{ text, retryAt }, ...byKey];
  }

  status(): TableStatus {
    const { entries } = this.#desired;
    const { set } = this.#difference(entries.keys());
    return {
      name: this.name,
      desired: entries.size,
      applied: entries.size - set.size,
      failures: this.failures(),
      writes: this.#writes,
    };
  }

  inspect(keys: readonly string[]): readonly string[] {
    const { entries } = this.#desired;
    const found = this.#table.list(entries);
    return keys.flatMap((key) => {
      const wanted = entries.get(key);
      const entry = found.get(key);
      if (wanted === undefined || entry === undefined) return [`${this.name} ${key} is missing`];
      return this.#table.equal(wanted, entry) ? [] : [`${this.name} ${key} was changed`];
    });
  }

  #difference(keys: Iterable<string>): Difference<Entry> {
    const { equal } = this.#table;
    return difference(keys, { desired: this.#desired.entries, present: this.#applied, equal });
  }

  #allKeys(): ReadonlySet<string> {
    return new Set([...this.#desired.entries.keys(), ...this.#applied.keys()]);
  }

  // Most tables are not affected when a pod is added or deleted.
  #hasUnfinished(): boolean {
    return this.#failures.size + this.#foreign.size + this.#tampered.size > 0;
  }

  // Keys that may need a write without a listing: changed ones, failed ones, and those that could not be pruned yet.
  #open(changed: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...changed, ...this.#failures.keys(), ...this.#foreign]);
  }

  // Entries of one transaction refer to each other: all of them are due when one is.
  #due({ set, remove }: Writes<Entry>): Writes<Entry> {
    const { equal } = this.#table;
    const due = {
      set: filter(set, (key, entry) => this.#failures.isDue(key, entry, equal)),
      remove: filter(remove, (key) => this.#failures.isDue(key, undefined, equal)),
    };
    if (!('transact' in this.#table)) return due;
    return due.set.size + due.remove.size > 0 ? { set, remove } : noWrites;
  }

  // A refused transaction is one failure, however many entries it had.
  #ofTransaction(failures: readonly FailureStatus[]): readonly FailureStatus[] {
    const [first] = failures;
    if (first === undefined || !('transact' in this.#table)) return failures;
    const retryAt = failures.reduce(
      (first, each) => Math.min(first, each.retryAt),
      Number.POSITIVE_INFINITY,
    );
    return [{ key: this.#table.whole, text: first.text, retryAt }];
  }

  // Returns whether there is something to compare. If the kernel cannot be queried, the applied state is assumed, and
  // nothing unknown is deleted.
  #list(): boolean {
    const before = this.#isListed ? this.#applied : undefined;
    try {
      const listed = this.#table.list(this.#desired.entries);
      this.#isListed = true;
      this.#listFailure = undefined;
      if (listed === this.#rightListing) return false;
      this.#rightListing = listed;
      this.#applied = new Map(listed);
      this.#compare(before);
      return true;
    } catch (error) {
      this.#rightListing = undefined;
      const failed = { error, entry: undefined };
      this.#listFailure = failureAfter(this.#listFailure, failed, this.#tracking);
      return false;
    }
  }

  // Finds entries that differ from the applied state, and new ones that look like heddle's. Without `before`, on the
  // first listing, all entries were left by an earlier process.
  #compare(before: ReadonlyMap<string, Entry> | undefined): void {
    for (const [key, entry] of before ?? []) {
      const found = this.#applied.get(key);
      if (found === undefined) this.#tampered.set(key, 'missing');
      else if (entry !== found && !this.#table.equal(entry, found))
        this.#tampered.set(key, 'changed');
    }
    for (const key of this.#applied.keys()) {
      if (before?.has(key) || this.#desired.entries.has(key)) continue;
      this.#foreign.add(key);
      if (before !== undefined) this.#tampered.set(key, 'extra');
    }
    if (!('transact' in this.#table)) return;
    const { whole } = this.#table;
    const was = this.#tampered.get(whole);
    if (was === undefined) return;
    this.#tampered.clear();
    this.#tampered.set(whole, was);
  }

  #transact(table: TransactedTable<Entry>): void {
    const { set, remove } = this.#planned;
    const failed = failuresOf(new Map([...set, ...remove]), () => {
      const desired = this.#desired.entries;
      const change = { set: [...set.values()], remove: [...remove.values()], desired };
      // The next listing counts as the first one: this change is not another process's.
      if (table.transact(change)) this.#isListed = false;
      return [];
    });
    this.#bookSets(set, failed);
    this.#bookDeletes(remove, failed);
  }

  #bookSets(batch: ReadonlyMap<string, Entry>, failed: ReadonlyMap<string, unknown>): void {
    for (const [key, entry] of batch) {
      if (failed.has(key)) {
        this.#failures.add(key, { error: failed.get(key), entry });
        continue;
      }
      this.#failures.forget(key);
      this.#applied.set(key, entry);
      this.#countSet(key);
    }
  }

  #bookDeletes(batch: ReadonlyMap<string, Entry>, failed: ReadonlyMap<string, unknown>): void {
    for (const key of batch.keys()) {
      if (failed.has(key)) {
        this.#failures.add(key, { error: failed.get(key), entry: undefined });
        continue;
      }
      this.#failures.forget(key);
      this.#applied.delete(key);
      this.#foreign.delete(key);
      this.#countDelete(key);
    }
  }

  #countSet(key: string): void {
    const was = this.#tampered.get(key);
    this.#tampered.delete(key);
    const { set, deleted, restored } = this.#writes;
    this.#writes = { set: set + 1, deleted, restored: restored + (was === undefined ? 0 : 1) };
    if (was !== undefined) this.#tracking.onRestored({ table: this.name, key, was });
  }

  #countDelete(key: string): void {
    const was = this.#tampered.get(key);
    this.#tampered.delete(key);
    this.#writes = { ...this.#writes, deleted: this.#writes.deleted + 1 };
    if (was === 'extra') this.#tracking.onRestored({ table: this.name, key, was });
  }
}

// Forgets keys that are in the desired state by now.
function forget(
  keys: Iterable<string>,
  { set, surplus }: Pick<Difference<unknown>, 'set' | 'surplus'>,
  drop: (key: string) => void,
): void {
  for (const key of keys) if (!set.has(key) && !surplus.has(key)) drop(key);
}

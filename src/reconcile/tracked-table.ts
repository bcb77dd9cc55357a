// One table as the reconciler follows it: what is desired, what the kernel is known to have, what failed and when to
// try again. The reconciler decides the order between tables; everything within one table is here.

import { DesiredEntries } from './desired-entries.ts';
import { type Difference, difference } from './diff.ts';
import { type Failure, Failures, failureAfter } from './failures.ts';
import type { FailureStatus, Restored, TableStatus, WriteCounts } from './status.ts';
import type { EntryFailure, EntryGroup, Table } from './table.ts';
import type { PlanOptions, TrackedTable, Tracking } from './tracking.ts';

/** Joins a table with the function that says what it should hold; groups it has given before are not looked at again. */
export function trackTable<Desired, Entry>(
  table: Table<Entry>,
  entries: (desired: Desired) => readonly EntryGroup<Entry>[],
): (tracking: Tracking) => TrackedTable<Desired> {
  return (tracking) => new TableTracker({ table, entries, tracking });
}

interface TrackerParts<Desired, Entry> {
  readonly table: Table<Entry>;
  readonly entries: (desired: Desired) => readonly EntryGroup<Entry>[];
  readonly tracking: Tracking;
}

interface Writes<Entry> {
  readonly set: ReadonlyMap<string, Entry>;
  readonly remove: ReadonlyMap<string, Entry>;
}

const nothing: Writes<never> = { set: new Map<string, never>(), remove: new Map<string, never>() };

class TableTracker<Desired, Entry> implements TrackedTable<Desired> {
  readonly #table: Table<Entry>;
  readonly #entries: (desired: Desired) => readonly EntryGroup<Entry>[];
  readonly #tracking: Tracking;
  readonly #desired = new DesiredEntries<Entry>();
  /** What the kernel is known to have; entries that equal the desired ones are those very objects. */
  #applied = new Map<string, Entry>();
  #isListed = false;
  /** The last listing, as long as it is all that is desired and nothing has been desired or written since. */
  #rightListing: ReadonlyMap<string, Entry> | undefined;
  /** Keys found by a listing that this process never wanted: deleted only when pruning is allowed. */
  readonly #foreign = new Set<string>();
  /** Keys whose next write puts right what somebody else did. */
  readonly #tampered = new Map<string, Restored['was']>();
  readonly #failures: Failures<Entry>;
  #listFailure: Failure<Entry> | undefined;
  #planned: Writes<Entry> = nothing;
  #writes: WriteCounts = { set: 0, deleted: 0, restored: 0 };

  constructor({ table, entries, tracking }: TrackerParts<Desired, Entry>) {
    this.#table = table;
    this.#entries = entries;
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
    const changed = this.#desired.update(this.#entries(desired));
    if (changed.size > 0) this.#rightListing = undefined;
    const mustList = relist || !this.#isListed || this.#listFailure !== undefined;
    if (!mustList && changed.size === 0 && !this.#hasUnfinished()) {
      this.#planned = nothing;
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
    const { equal } = this.#table;
    this.#planned = {
      set: filter(set, (key, entry) => this.#failures.isDue(key, entry, equal)),
      remove: filter(
        surplus,
        (key) => this.#mayDelete(key, prune) && this.#failures.isDue(key, undefined, equal),
      ),
    };
  }

  async applySets(): Promise<void> {
    await this.#inBatches(this.#planned.set, (batch) => {
      const failed = this.#run(batch, { kind: 'set', write: (all) => this.#table.set(all) });
      for (const [key, entry] of batch) {
        if (failed.has(key)) continue;
        this.#applied.set(key, entry);
        this.#countSet(key);
      }
    });
  }

  async applyDeletes(): Promise<void> {
    const { set, remove } = this.#planned;
    await this.#inBatches(remove, (batch) => {
      const failed = this.#run(batch, { kind: 'delete', write: (all) => this.#table.delete(all) });
      for (const key of batch.keys()) {
        if (failed.has(key)) continue;
        this.#applied.delete(key);
        this.#foreign.delete(key);
        this.#countDelete(key);
      }
    });
    // A full map refuses what the deletes have just made room for.
    const refused = filter(set, (key) => this.#failures.has(key));
    if (remove.size === 0 || refused.size === 0) return;
    this.#planned = { set: refused, remove: nothing.remove };
    await this.applySets();
  }

  failures(): readonly FailureStatus[] {
    const byKey = this.#failures.status();
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

  // Most tables have nothing to do with a pod that comes or goes.
  #hasUnfinished(): boolean {
    return this.#failures.size + this.#foreign.size + this.#tampered.size > 0;
  }

  // What may need a write when the kernel was not asked: what changed, what failed, what was not to be pruned yet.
  #open(changed: ReadonlySet<string>): ReadonlySet<string> {
    return new Set([...changed, ...this.#failures.keys(), ...this.#foreign]);
  }

  #mayDelete(key: string, prune: boolean): boolean {
    return prune || !this.#foreign.has(key);
  }

  // Whether there is something to compare. When the kernel cannot be asked, what was applied stands, and nothing unknown
  // is deleted.
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

  // Finds what is not as we left it, and what looks like ours and was not there before. Without a `before`, on the
  // first listing, whatever is there is an earlier process's work.
  #compare(before: ReadonlyMap<string, Entry> | undefined): void {
    for (const [key, entry] of before ?? []) {
      const found = this.#applied.get(key);
      if (found === undefined) this.#tampered.set(key, 'missing');
      else if (!this.#table.equal(entry, found)) this.#tampered.set(key, 'changed');
    }
    for (const key of this.#applied.keys()) {
      if (before?.has(key) || this.#desired.entries.has(key)) continue;
      this.#foreign.add(key);
      if (before !== undefined) this.#tampered.set(key, 'extra');
    }
  }

  async #inBatches(
    entries: ReadonlyMap<string, Entry>,
    apply: (batch: ReadonlyMap<string, Entry>) => void,
  ): Promise<void> {
    const all = [...entries];
    const { batchSize, pause } = this.#tracking;
    for (let start = 0; start < all.length; start += batchSize) {
      if (start > 0) await pause();
      apply(new Map(all.slice(start, start + batchSize)));
    }
  }

  // Writes one batch and books its failures by key; an exception counts against every entry of it.
  #run(
    batch: ReadonlyMap<string, Entry>,
    {
      kind,
      write,
    }: {
      readonly kind: 'set' | 'delete';
      readonly write: (entries: readonly Entry[]) => readonly EntryFailure[];
    },
  ): ReadonlySet<string> {
    const failed = new Map<string, unknown>();
    try {
      for (const { key, error } of write([...batch.values()])) failed.set(key, error);
    } catch (error) {
      for (const key of batch.keys()) failed.set(key, error);
    }
    for (const [key, value] of batch) {
      const entry = kind === 'set' ? value : undefined;
      if (failed.has(key)) this.#failures.add(key, { error: failed.get(key), entry });
      else this.#failures.forget(key);
    }
    return new Set(failed.keys());
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

function filter<Entry>(
  entries: ReadonlyMap<string, Entry>,
  keep: (key: string, entry: Entry) => boolean,
): ReadonlyMap<string, Entry> {
  const kept = new Map<string, Entry>();
  for (const [key, entry] of entries) if (keep(key, entry)) kept.set(key, entry);
  return kept;
}

// What is as desired by now has nothing to be remembered for.
function forget(
  keys: Iterable<string>,
  { set, surplus }: Pick<Difference<unknown>, 'set' | 'surplus'>,
  drop: (key: string) => void,
): void {
  for (const key of keys) if (!set.has(key) && !surplus.has(key)) drop(key);
}

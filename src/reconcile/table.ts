// One kind of kernel state that the reconciler keeps as desired: a BPF map, our routes, our neighbours, our nft table.

import type { Entries } from '../base/collections/collection.ts';

export interface EntryFailure {
  readonly key: string;
  readonly error: Error;
}

export type Keyed<Entry> = readonly [key: string, entry: Entry];

/** Entries that are added and removed together; immutable, and the same object while nothing in it changes. */
export type EntryGroup<Entry> = readonly Keyed<Entry>[];

/** What a table should hold. Of entries with the same key that of the items holds, unless `lastGroups` has one. */
export interface DesiredContents<Desired, Entry, Item> {
  /** A few. */
  groups(desired: Desired): readonly EntryGroup<Entry>[];
  /** Thousands that come and go one by one, and what each brings. Absent: none. */
  readonly items?: {
    of(desired: Desired): Entries<string, Item>;
    entriesOf(item: Item): EntryGroup<Entry>;
  };
  /** A few that nothing takes over. Absent: none. */
  readonly lastGroups?: (desired: Desired) => readonly EntryGroup<Entry>[];
}

/** The part of the contract that each kind of kernel state fulfils. All calls are synchronous, as the kernel is. */
export interface ListedTable<Entry> {
  /** For people and logs: `routes`. */
  readonly name: string;
  /** Identifies an entry within its table; shown to users. */
  key(entry: Entry): string;
  equal(left: Entry, right: Entry): boolean;
  /**
   * The kernel's state by key, only heddle's entries. `desired` is for tables whose entries have no mark of an owner
   * (sysctls): these report only the desired keys. Returning the same object as the last time means that nothing has
   * changed, and skips the comparison. Throws KernelError.
   */
  list(desired: ReadonlyMap<string, Entry>): ReadonlyMap<string, Entry>;
}

/** A table of independent entries. `set` and `delete` are idempotent; they return what failed and apply the rest. */
export interface Table<Entry> extends ListedTable<Entry> {
  set(entries: readonly Entry[]): readonly EntryFailure[];
  /** An entry that is already deleted counts as done. */
  delete(entries: readonly Entry[]): readonly EntryFailure[];
}

/** All writes of one settle. */
export interface TableChange<Entry> {
  /** Missing or different. */
  readonly set: readonly Entry[];
  /** Present and not desired. */
  readonly remove: readonly Entry[];
  /** Everything that is desired, by key, including what is present already. */
  readonly desired: ReadonlyMap<string, Entry>;
}

/** A table whose entries refer to each other, so that they are written together or not at all. */
export interface TransactedTable<Entry> extends ListedTable<Entry> {
  /**
   * Key of the entry that contains all others. A refused transaction is reported with this key. While this entry is missing
   * or changed, no other entry is reported as restored.
   */
  readonly whole: string;
  /**
   * Performs the change as one transaction; packets see the state before or the state after. Returns true if entries
   * outside the change may differ from before, so that the table must be listed again. Throws KernelError.
   */
  transact(change: TableChange<Entry>): boolean;
}

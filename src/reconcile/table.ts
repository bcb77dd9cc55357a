// One kind of kernel state that the reconciler keeps as desired: a BPF map, our routes, our neighbours, an nft table.

export interface EntryFailure {
  readonly key: string;
  readonly error: Error;
}

export type Keyed<Entry> = readonly [key: string, entry: Entry];

/** Entries that come and go together; immutable, and the same object as long as nothing in it changes. */
export type EntryGroup<Entry> = readonly Keyed<Entry>[];

/**
 * The contract each kind of kernel state fulfils. All calls are synchronous, as the kernel is. `set` and `delete` are
 * idempotent; they return what failed and apply the rest.
 */
export interface Table<Entry> {
  /** For people and logs: `routes`. */
  readonly name: string;
  /** Identifies an entry within its table; shown to people. */
  key(entry: Entry): string;
  equal(left: Entry, right: Entry): boolean;
  /**
   * The kernel's truth by key: only what is ours. `desired` serves tables whose entries carry no mark of an owner
   * (sysctls): those report on the desired keys alone. The same object as the last time means that nothing at all has
   * changed, and is not looked at again. Throws KernelError.
   */
  list(desired: ReadonlyMap<string, Entry>): ReadonlyMap<string, Entry>;
  set(entries: readonly Entry[]): readonly EntryFailure[];
  /** What is already gone counts as done. */
  delete(entries: readonly Entry[]): readonly EntryFailure[];
}

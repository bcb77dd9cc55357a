// What must be written to get from one set of entries to another, as far as the given keys go. Pure.

export interface Difference<Entry> {
  /** Missing or different, by key, as desired. */
  readonly set: ReadonlyMap<string, Entry>;
  /** Present and not desired, by key, as present. */
  readonly surplus: ReadonlyMap<string, Entry>;
  /** Present as another object of the same value, by key, as desired. */
  readonly same: ReadonlyMap<string, Entry>;
}

export interface Compared<Entry> {
  readonly desired: ReadonlyMap<string, Entry>;
  readonly present: ReadonlyMap<string, Entry>;
  equal(left: Entry, right: Entry): boolean;
}

export function difference<Entry>(
  keys: Iterable<string>,
  { desired, present, equal }: Compared<Entry>,
): Difference<Entry> {
  const set = new Map<string, Entry>();
  const surplus = new Map<string, Entry>();
  const same = new Map<string, Entry>();
  for (const key of keys) {
    const entry = desired.get(key);
    const found = present.get(key);
    // Entries are memoised: after a first listing most are the very object that was applied.
    if (entry === found) continue;
    if (entry === undefined) {
      if (found !== undefined) surplus.set(key, found);
    } else if (found !== undefined && equal(entry, found)) same.set(key, entry);
    else set.set(key, entry);
  }
  return { set, surplus, same };
}

// Differences between two sets of entries over the given keys. Pure.

export interface Difference<Entry> {
  /** Missing or different, by key, with the desired entry. */
  readonly set: ReadonlyMap<string, Entry>;
  /** Present but not desired, by key, with the present entry. */
  readonly surplus: ReadonlyMap<string, Entry>;
  /** Present as another object of equal value, by key, with the desired entry. */
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
    // Entries are memoized: after the first listing most are the applied object itself.
    if (entry === found) continue;
    if (entry === undefined) {
      if (found !== undefined) surplus.set(key, found);
    } else if (found !== undefined && equal(entry, found)) same.set(key, entry);
    else set.set(key, entry);
  }
  return { set, surplus, same };
}

// What must be written to get from one set of entries to another. Pure.

export interface Difference<Entry> {
  /** Missing or different, by key, as desired. */
  readonly set: ReadonlyMap<string, Entry>;
  /** Present and not desired, by key, as present. */
  readonly surplus: ReadonlyMap<string, Entry>;
  /** Present as another object of the same value, by key, as desired. */
  readonly same: ReadonlyMap<string, Entry>;
}

export function difference<Entry>(
  desired: ReadonlyMap<string, Entry>,
  present: ReadonlyMap<string, Entry>,
  equal: (left: Entry, right: Entry) => boolean,
): Difference<Entry> {
  const set = new Map<string, Entry>();
  const same = new Map<string, Entry>();
  const surplus = new Map<string, Entry>();
  for (const [key, entry] of desired) {
    const found = present.get(key);
    // Entries are memoised: most are the very object that was applied.
    if (found === entry) continue;
    if (found !== undefined && equal(entry, found)) same.set(key, entry);
    else set.set(key, entry);
  }
  for (const [key, entry] of present) if (!desired.has(key)) surplus.set(key, entry);
  return { set, surplus, same };
}

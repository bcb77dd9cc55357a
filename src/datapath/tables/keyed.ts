// Entries with their keys. Each part of the desired state makes its own, memoised by the part's identity, so that one
// new endpoint among a thousand computes one endpoint's entries.

export type Keyed<Entry> = readonly [key: string, entry: Entry];

/** Where keys collide the later one holds. */
export function entryMap<Entry>(
  ...parts: readonly (readonly (readonly Keyed<Entry>[])[])[]
): ReadonlyMap<string, Entry> {
  const map = new Map<string, Entry>();
  for (const groups of parts) {
    for (const group of groups) for (const [key, entry] of group) map.set(key, entry);
  }
  return map;
}

/** Whether two flat records hold the same values. */
export function sameFields<Record extends object>(left: Record, right: Record): boolean {
  const entries = Object.entries(left);
  if (entries.length !== Object.keys(right).length) return false;
  const other = new Map(Object.entries(right));
  return entries.every(([name, value]) => other.get(name) === value);
}

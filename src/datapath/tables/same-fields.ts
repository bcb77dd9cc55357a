// Comparing entries.

/** Whether two flat records hold the same values. */
export function sameFields<Record extends object>(left: Record, right: Record): boolean {
  const entries = Object.entries(left);
  if (entries.length !== Object.keys(right).length) return false;
  const other = new Map(Object.entries(right));
  return entries.every(([name, value]) => other.get(name) === value);
}

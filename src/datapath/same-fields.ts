// Compares entries.

/** Whether two flat records have the same values; an array of values counts as one value. */
export function sameFields<Record extends object>(left: Record, right: Record): boolean {
  const entries = Object.entries(left);
  if (entries.length !== Object.keys(right).length) return false;
  const other = new Map<string, unknown>(Object.entries(right));
  return entries.every(([name, value]) => sameValue(value, other.get(name)));
}

function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (!Array.isArray(left) || !Array.isArray(right)) return false;
  return left.length === right.length && left.every((value, index) => value === right[index]);
}

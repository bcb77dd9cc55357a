// Runtimes written in Go need not write field names in the case that the CNI conventions have: Go's decoder, which they are
// tried with, takes any. containerd's `HostPort` and `IngressRate` are what a plugin must understand.

/** The object with `names` in the case given here; what has a name exactly keeps it. Anything else is returned as it is. */
export function withFieldNames(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const known = new Map(names.map((name) => [name.toLowerCase(), name]));
  const entries = Object.entries(value).map(([key, field]): [string, unknown] => {
    const name = known.get(key.toLowerCase());
    return [name === undefined || name in value ? key : name, field];
  });
  return Object.fromEntries(entries);
}

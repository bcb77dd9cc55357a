// Accepts CNI field names in any case. Runtimes written in Go need not follow the conventions' case, because Go's
// decoder accepts any: plugins must understand containerd's `HostPort` and `IngressRate`.

/**
 * Returns the object with `names` in the given case. An exact name takes precedence. Other values are returned
 * unchanged.
 */
export function withFieldNames(value: unknown, names: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const known = new Map(names.map((name) => [name.toLowerCase(), name]));
  const entries = Object.entries(value).map(([key, field]): [string, unknown] => {
    const name = known.get(key.toLowerCase());
    return [name === undefined || name in value ? key : name, field];
  });
  return Object.fromEntries(entries);
}

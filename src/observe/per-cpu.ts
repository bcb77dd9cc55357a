// Sums per-CPU map values.

export interface PerCpuValues<Value> {
  /** One value per possible CPU; undefined (or empty) if the key does not exist. */
  get(key: number): readonly Value[] | undefined;
}

export function sumOver<Value>(
  values: readonly Value[] | undefined,
  pick: (value: Value) => number,
): number {
  return values?.reduce((sum, value) => sum + pick(value), 0) ?? 0;
}

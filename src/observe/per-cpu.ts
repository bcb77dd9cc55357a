// Reading per-CPU maps as totals: what the counters here need of a map, and the sum over CPUs.

export interface PerCpuValues<Value> {
  /** One value a possible CPU; undefined (or empty) for a key that is not there. */
  get(key: number): readonly Value[] | undefined;
}

export function sumOver<Value>(
  values: readonly Value[] | undefined,
  pick: (value: Value) => number,
): number {
  return values?.reduce((sum, value) => sum + pick(value), 0) ?? 0;
}

// Measures every arm in turn, for one kind of load after the other, forwards and backwards in every round: drift of the
// machine affects all arms equally, and compared samples are a fraction of a second apart.

import type { Figure } from './experiment.ts';
import { best, ratios, series } from './statistics.ts';

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

/** One side of a comparison. */
interface Named {
  readonly name: string;
}

/** Result of one measurement of an arm: one number per metric. */
export type Measure<Arm extends Named> = (arm: Arm) => Promise<ReadonlyMap<Metric, number>>;

export interface Comparison<Arm extends Named> {
  readonly group: string;
  /** The first arm is the baseline. */
  readonly arms: readonly [Arm, ...Arm[]];
  readonly rounds: number;
  /** Measures each arm once per round instead of twice: less exact, half as long. */
  readonly oneWay?: boolean;
  readonly measures: readonly Measure<Arm>[];
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

type Samples<Arm> = ReadonlyMap<Arm, Map<Metric, number[]>>;

export async function compare<Arm extends Named>(
  comparison: Comparison<Arm>,
): Promise<readonly Figure[]> {
  const { arms, rounds, measures, progress, group } = comparison;
  const samples: Samples<Arm> = new Map(arms.map((arm) => [arm, new Map()]));
  for (let round = 0; round < rounds; round++) {
    progress(`${group}: round ${round + 1} of ${rounds}`);
    for (const measure of measures) await thereAndBack(comparison, measure, samples);
  }
  return figures(group, arms[0], samples);
}

/** A sample is the better of two: other work on the machine makes an arm worse and never better. */
async function thereAndBack<Arm extends Named>(
  { arms, signal, oneWay = false }: Comparison<Arm>,
  measure: Measure<Arm>,
  samples: Samples<Arm>,
): Promise<void> {
  const there = new Map<Arm, ReadonlyMap<Metric, number>>();
  for (const arm of arms) {
    signal.throwIfAborted();
    there.set(arm, await measure(arm));
  }
  if (oneWay) {
    for (const [arm, values] of there)
      for (const [metric, value] of values) append(samples.get(arm), metric, value);
    return;
  }
  for (const arm of arms.toReversed()) {
    signal.throwIfAborted();
    for (const [metric, back] of await measure(arm)) {
      const value = best(metric.better, [there.get(arm)?.get(metric) ?? back, back]);
      append(samples.get(arm), metric, value);
    }
  }
}

function append(table: Map<Metric, number[]> | undefined, metric: Metric, value: number): void {
  const values = table?.get(metric);
  if (values === undefined) table?.set(metric, [value]);
  else values.push(value);
}

function figures<Arm extends Named>(group: string, baseline: Arm, samples: Samples<Arm>): Figure[] {
  const metrics = [...(samples.get(baseline)?.keys() ?? [])];
  return metrics.flatMap((metric) => {
    const base = samples.get(baseline)?.get(metric) ?? [];
    return [...samples].map(([arm, table]) => {
      const values = table.get(metric) ?? [];
      const figure = {
        group,
        arm: arm.name,
        metric: metric.name,
        unit: metric.unit,
        better: metric.better,
      };
      const absolute = { ...figure, values: series(values) };
      return arm === baseline ? absolute : { ...absolute, ratios: ratios(values, base) };
    });
  });
}

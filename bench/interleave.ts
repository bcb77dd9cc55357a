// Every arm in turn, for one kind of load after the other, there and back in every round: what drifts on the machine hits
// all arms alike, and what two arms are compared by lies a fraction of a second apart.

import type { Figure } from './experiment.ts';
import { best, ratios, series } from './statistics.ts';

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

/** One side of a comparison, whatever it consists of. */
interface Named {
  readonly name: string;
}

/** What one measurement of an arm yields: a number a metric. */
export type Measure<Arm extends Named> = (arm: Arm) => Promise<ReadonlyMap<Metric, number>>;

export interface Comparison<Arm extends Named> {
  readonly group: string;
  /** The first arm is the baseline. */
  readonly arms: readonly [Arm, ...Arm[]];
  readonly rounds: number;
  /** Each arm once a round instead of there and back: a first look, half as long. */
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

/**
 * A sample is the better of two: what else the machine does makes an arm worse and never better.
 */
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

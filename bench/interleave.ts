// Every arm once a round, in alternating order: what drifts on the machine hits all arms alike.

import type { Arm } from './arm.ts';
import type { Figure } from './experiment.ts';
import { ratios, series } from './statistics.ts';

export interface Metric {
  readonly name: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
}

/** What one measurement of an arm yields: a number a metric. */
export type Measure = (arm: Arm) => Promise<ReadonlyMap<Metric, number>>;

export interface Comparison {
  readonly group: string;
  /** The first arm is the baseline. */
  readonly arms: readonly [Arm, ...Arm[]];
  readonly rounds: number;
  readonly measure: Measure;
  readonly signal: AbortSignal;
  readonly progress: (text: string) => void;
}

export async function compare(comparison: Comparison): Promise<readonly Figure[]> {
  const { arms, rounds, measure, signal, progress, group } = comparison;
  const samples = new Map<Arm, Map<Metric, number[]>>(arms.map((arm) => [arm, new Map()]));
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? arms : arms.toReversed();
    progress(`${group}: round ${round + 1} of ${rounds}`);
    for (const arm of order) {
      signal.throwIfAborted();
      for (const [metric, value] of await measure(arm)) append(samples.get(arm), metric, value);
    }
  }
  return figures(group, arms[0], samples);
}

function append(table: Map<Metric, number[]> | undefined, metric: Metric, value: number): void {
  const values = table?.get(metric);
  if (values === undefined) table?.set(metric, [value]);
  else values.push(value);
}

function figures(
  group: string,
  baseline: Arm,
  samples: ReadonlyMap<Arm, ReadonlyMap<Metric, readonly number[]>>,
): Figure[] {
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

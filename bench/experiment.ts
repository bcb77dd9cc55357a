// An experiment: arms that are measured in turn, and the bars for its figures.

import type { Series } from './statistics.ts';

/** One figure of one arm as a ratio to its baseline in the same round. */
export interface Figure {
  /** `same node, TCP stream`. */
  readonly group: string;
  readonly arm: string;
  readonly metric: string;
  readonly unit: string;
  /** Absolute values, one per round. */
  readonly values: Series;
  /** Value divided by the baseline's value of the same round; absent for the baseline and for plain figures. */
  readonly ratios?: Series;
  readonly better: 'higher' | 'lower';
}

/** A bar is in the code that measures it: `--check` fails when the median misses it. */
export interface Bar {
  readonly group: string;
  readonly arm: string;
  readonly metric: string;
  /** Whether the limit applies to the median ratio to the baseline or to the median value itself. */
  readonly of: 'ratio' | 'value';
  readonly limit: number;
}

export interface ExperimentOptions {
  /** Fewer and shorter rounds: they show that the experiment works, and their figures are not for publication. */
  readonly quick: boolean;
  /** Only groups whose name contains this. */
  readonly only?: string | undefined;
  /** Sizes to measure, if the experiment has several; default: its own. */
  readonly sizes?: readonly number[] | undefined;
  readonly signal: AbortSignal;
  /** One line of progress. */
  readonly progress: (text: string) => void;
}

export interface Experiment {
  readonly name: string;
  readonly summary: string;
  readonly bars: readonly Bar[];
  /** Draws the figures as SVG, for the experiment's section of docs/benchmarks.md. */
  readonly plot?: (figures: readonly Figure[]) => string;
  run(options: ExperimentOptions): Promise<readonly Figure[]>;
}

export interface BarVerdict {
  readonly bar: Bar;
  readonly measured: number | undefined;
  readonly met: boolean;
}

/** Compares every bar of the selected groups with its figure; a bar without a figure is missed. */
export function judgeBars(
  experiment: Experiment,
  figures: readonly Figure[],
  only = '',
): readonly BarVerdict[] {
  const bars = experiment.bars.filter(({ group }) => group.includes(only));
  return bars.map((bar) => {
    const figure = figures.find(
      ({ group, arm, metric }) => group === bar.group && arm === bar.arm && metric === bar.metric,
    );
    const series = bar.of === 'ratio' ? figure?.ratios : figure?.values;
    if (figure === undefined || series === undefined)
      return { bar, measured: undefined, met: false };
    const met =
      figure.better === 'higher' ? series.median >= bar.limit : series.median <= bar.limit;
    return { bar, measured: series.median, met };
  });
}

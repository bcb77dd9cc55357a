// Figures that compare arms of one run in another way than they were measured.

import type { Figure } from '../experiment.ts';
import { ratios, series } from '../statistics.ts';
import { arms, groups, metrics } from './names.ts';

export interface OtherBaseline {
  /** Of the figures that exist. */
  readonly from: string;
  readonly group: string;
  readonly baseline: string;
  readonly arms: readonly string[];
  readonly metrics: readonly string[];
}

/** The same values as ratios to another arm. Without values of the baseline there are none. */
export function withBaseline(
  figures: readonly Figure[],
  { from, group, baseline, arms: wanted, metrics: chosen }: OtherBaseline,
): readonly Figure[] {
  const measured = figures.filter((figure) => figure.group === from);
  return chosen.flatMap((metric) => {
    const base = measured.find((figure) => figure.arm === baseline && figure.metric === metric);
    if (base === undefined) return [];
    const { ratios: _, ...absolute } = { ...base, group };
    const others = measured.filter(
      (figure) => figure.metric === metric && wanted.includes(figure.arm),
    );
    return [
      absolute,
      ...others.map((figure) => ({
        ...figure,
        group,
        ratios: ratios(figure.values.samples, base.values.samples),
      })),
    ];
  });
}

/** Whether the cost of an address grows with the number of Services: each size in rounds of its own. */
export function flatness(figures: readonly Figure[], sizes: readonly number[]): readonly Figure[] {
  return [arms.socket, arms.packets, arms.nftables, arms.iptables].flatMap((arm) => {
    const shares = sizes.flatMap((size) => {
      const share = figures.find(
        (figure) =>
          figure.group === groups.clusterIp(size) &&
          figure.arm === arm &&
          figure.metric === metrics.rate,
      )?.ratios;
      return share === undefined ? [] : [{ size, share }];
    });
    const [first, ...others] = shares;
    if (first === undefined) return [];
    return others.map(
      ({ size, share }): Figure => ({
        group: groups.flat,
        ...{ arm, metric: flatMetric(size), unit: '', better: 'higher' },
        values: share,
        ratios: series(share.samples.map((sample) => sample / first.share.median)),
      }),
    );
  });
}

export function flatMetric(size: number): string {
  return `${size.toLocaleString('en')} Services`;
}

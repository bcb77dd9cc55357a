// The cost of Services against their number.

import type { Figure } from '../experiment.ts';
import { drawPanels, type Panel } from '../plot/panels.ts';
import { arms, groups, metrics, sizesOf } from './names.ts';

interface Wanted {
  readonly group: (size: number) => string;
  readonly metric: string;
  readonly of: 'ratio' | 'value';
}

const traffic: readonly string[] = [arms.socket, arms.nftables, arms.iptables, arms.packets];
// One line for Heddle in all panels: what a process of a pod gets by default.
const names: Readonly<Record<string, string>> = {
  [arms.heddle]: 'Heddle',
  [arms.socket]: 'Heddle',
  [arms.packets]: 'Heddle, by packets',
};

export function servicesPlot(figures: readonly Figure[]): string {
  const panel = (
    text: Pick<Panel, 'title' | 'label' | 'vertical'>,
    wanted: Wanted,
    lines: readonly string[] = [arms.heddle, arms.nftables, arms.iptables],
  ): Panel => ({ ...text, lines: lines.map((arm) => lineOf(figures, arm, wanted)) });
  const clusterIp = { group: groups.clusterIp };
  const sync = { group: groups.sync, of: 'value' } as const;
  const panels = [
    panel(
      { title: 'ClusterIP: connections', label: "ratio to the pod's address", vertical: 'linear' },
      { ...clusterIp, metric: metrics.rate, of: 'ratio' },
      traffic,
    ),
    panel(
      { title: 'ClusterIP: connect p99', label: 'µs', vertical: 'log' },
      { ...clusterIp, metric: metrics.connectP99, of: 'value' },
      traffic,
    ),
    panel(
      {
        title: 'Node port from outside: connections',
        label: 'per second of CPU',
        vertical: 'linear',
      },
      { group: groups.nodePort, metric: metrics.rate, of: 'value' },
    ),
    panel(
      { title: 'Cold sync, from process start', label: 's', vertical: 'log' },
      { ...sync, metric: metrics.cold },
    ),
    panel(
      { title: 'API write to first connection, p50', label: 'ms', vertical: 'log' },
      { ...sync, metric: metrics.changeP50 },
    ),
    panel(
      { title: 'Peak memory, with commands', label: 'MB', vertical: 'log' },
      { ...sync, metric: metrics.peak },
    ),
  ];
  const title = 'Cost of Services against their number, one node';
  return drawPanels(panels, { title, horizontal: 'Services', columns: 3 });
}

function lineOf(figures: readonly Figure[], arm: string, wanted: Wanted): Panel['lines'][number] {
  const sizes = sizesOf(figures.map(({ group }) => group));
  const points = sizes.flatMap((x) => {
    const found = figures.find(
      (figure) =>
        figure.group === wanted.group(x) && figure.arm === arm && figure.metric === wanted.metric,
    );
    const series = wanted.of === 'ratio' ? found?.ratios : found?.values;
    return series === undefined ? [] : [{ x, y: series.median }];
  });
  return { name: names[arm] ?? arm, points };
}

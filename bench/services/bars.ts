// What the figures must reach.

import type { Bar } from '../experiment.ts';
import { flatMetric } from './derived.ts';
import { arms, groups, metrics } from './names.ts';

/** Sizes at which kube-proxy is compared. */
const [one, many] = [1, 10_000];
const most = 30_000;

export function serviceBars(sizes: readonly number[]): readonly Bar[] {
  const socket = { arm: arms.socket, metric: metrics.rate, of: 'ratio' } as const;
  const heddle = { arm: arms.heddle, of: 'value' } as const;
  const nodePort = { arm: arms.heddle, metric: metrics.rate, of: 'ratio' } as const;
  const sync = groups.sync(most);
  return [
    ...sizes.map((size): Bar => ({ group: groups.clusterIp(size), ...socket, limit: 0.98 })),
    ...sizes.map((size): Bar => ({ group: groups.bare(size), ...socket, limit: 0.85 })),
    ...sizes.slice(1).map(
      (size): Bar => ({
        ...{ group: groups.flat, arm: arms.socket, metric: flatMetric(size) },
        ...{ of: 'ratio', limit: 0.97 },
      }),
    ),
    ...sizes.map(
      (size): Bar => ({
        ...{ group: groups.off(size), arm: arms.direct, metric: metrics.rate },
        ...{ of: 'ratio', limit: 0.99 },
      }),
    ),
    { group: groups.nodePort(one), ...nodePort, limit: 1 },
    { group: groups.nodePortIptables(many), ...nodePort, limit: 1.3 },
    { group: sync, ...heddle, metric: metrics.writing, limit: 3 },
    { group: sync, ...heddle, metric: metrics.cold, of: 'ratio', limit: 0.1 },
    { group: sync, ...heddle, metric: metrics.changeP99, limit: 20 },
    { group: sync, ...heddle, metric: metrics.resident, limit: 300 },
  ];
}

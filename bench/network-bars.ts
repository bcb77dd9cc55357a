// The bars of the network experiment, by group of figures.

import type { Bar } from './experiment.ts';

export const sameNode = 'same node (ratio to one bare veth pair)';
export const crossNode = 'across nodes (ratio to programs that only redirect)';
export const overlay = "overlay across nodes (ratio to flannel's shape)";
export const grown = {
  sameNode: 'with 1,000 more pods on the node, same node (ratio to without)',
  native: 'with 1,000 more pods on the node, native (ratio to without)',
  vxlan: 'with 1,000 more pods on the node, VXLAN (ratio to without)',
} as const;
/** Number of additional pods: 200 with --quick. */
export const morePods = { usual: 1000, quick: 200 } as const;
/** The arm that is compared with the same arm without additional pods. */
export const manyPods = 'many pods';

interface Named {
  readonly metric: string;
  readonly better: 'higher' | 'lower';
}

/** Figures that depend on one CPU only; with two, the wake-up of an idle CPU hides most of the path. */
const onePath: readonly Named[] = [
  { metric: 'TCP stream, 1 CPU', better: 'higher' },
  { metric: 'p50, 1 CPU', better: 'lower' },
  { metric: 'p99, 1 CPU', better: 'lower' },
  { metric: 'connections, 1 CPU', better: 'higher' },
  { metric: 'UDP packets, 1 CPU', better: 'higher' },
];
const everyFigure: readonly Named[] = [
  ...onePath,
  { metric: 'TCP stream, 2 CPUs', better: 'higher' },
  { metric: 'CPU per GB, 2 CPUs', better: 'lower' },
  { metric: 'p50, 2 CPUs', better: 'lower' },
  { metric: 'p99, 2 CPUs', better: 'lower' },
  { metric: 'connections, 2 CPUs', better: 'higher' },
  { metric: 'UDP packets, 2 CPUs', better: 'higher' },
];

export const networkBars: readonly Bar[] = [
  ratio(sameNode, 'heddle', 'TCP stream, 1 CPU', 0.97),
  ratio(sameNode, 'heddle', 'p50, 1 CPU', 1.06),
  ratio(sameNode, 'heddle', 'connections, 1 CPU', 0.9),
  // A pod has one veth pair more than its node, and no plugin can avoid that cost.
  ...within(crossNode, 'heddle native', 0.05, onePath),
  ...within(overlay, 'heddle vxlan', 0, everyFigure),
  ...Object.values(grown).flatMap((group) => within(group, manyPods, 0.03, onePath)),
];

function ratio(group: string, arm: string, metric: string, limit: number): Bar {
  return { group, arm, metric, of: 'ratio', limit };
}

/** At most this share worse than the baseline. */
function within(
  group: string,
  arm: string,
  share: number,
  figures: readonly Named[],
): readonly Bar[] {
  return figures.map(({ metric, better }) =>
    ratio(group, arm, metric, better === 'higher' ? 1 - share : 1 + share),
  );
}

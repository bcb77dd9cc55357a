// The cost of Heddle for the pods and nodes of a real cluster: two clusters of two nodes, one with the agents'
// DaemonSet and one with the reference plugins, are loaded in turn, never both at once.

import { KubeCluster } from '../test/kube/cluster/cluster.ts';
import type { Bar, Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { compare, type Metric } from './interleave.ts';
import { agentCosts, costBars, costGroup } from './kube/agent-costs.ts';
import { PodLoad } from './kube/pod-load.ts';
import { percentile } from './statistics.ts';

const p50: Metric = { name: 'scheduled to Ready p50', unit: 's', better: 'lower' };
const p99: Metric = { name: 'scheduled to Ready p99', unit: 's', better: 'lower' };
const sandbox: Metric = { name: 'RunPodSandbox, mean', unit: 'ms', better: 'lower' };

interface Size {
  readonly group: string;
  readonly count: number;
  /** Repetitions in one sample. */
  readonly turns: number;
  readonly rounds: number;
  readonly quick: { readonly turns: number; readonly rounds: number };
}

const suffix = '(ratio to bridge + host-local with both families)';
const sizes: readonly Size[] = [
  {
    group: `pods one after the other ${suffix}`,
    count: 1,
    turns: 6,
    rounds: 3,
    quick: { turns: 4, rounds: 1 },
  },
  {
    group: `20 pods at once ${suffix}`,
    count: 20,
    turns: 1,
    rounds: 4,
    quick: { turns: 1, rounds: 1 },
  },
  {
    group: `100 pods at once ${suffix}`,
    count: 100,
    turns: 1,
    rounds: 2,
    quick: { turns: 1, rounds: 1 },
  },
];

const bars: readonly Bar[] = [
  ...sizes.flatMap(({ group }): Bar[] =>
    [p50, p99].map(({ name: metric }) => ({
      ...{ group, arm: 'heddle', metric },
      ...{ of: 'ratio', limit: 1 },
    })),
  ),
  ...costBars,
];

export const podsExperiment: Experiment = {
  name: 'kube-pods',
  summary: 'how soon pods are Ready in a real cluster, and what its agents cost',
  bars,
  run: measure,
};

async function measure(options: ExperimentOptions): Promise<readonly Figure[]> {
  const { signal, progress, only = '' } = options;
  const isWanted = (group: string): boolean => group.includes(only);
  const up = (cni: 'bridge' | 'heddle'): Promise<KubeCluster> => {
    progress(`starting a cluster with ${cni}`);
    return KubeCluster.up({ name: `bench-${process.pid}-${cni}`, cni, dns: false, signal });
  };
  await using reference = await up('bridge');
  await using ours = await up('heddle');
  await using referenceLoad = await PodLoad.open(reference);
  await using load = await PodLoad.open(ours);
  const figures: Figure[] = [];
  // The first pod of a node also pays for things that later pods reuse.
  for (const each of [referenceLoad, load]) await each.start(4, { turns: 1, signal });
  if (isWanted(costGroup)) figures.push(...(await agentCosts(load, options)));
  for (const size of sizes.filter(({ group }) => isWanted(group)))
    figures.push(...(await starts([referenceLoad, load], size, options)));
  return figures;
}

function starts(
  arms: readonly [PodLoad, PodLoad],
  { group, count, turns, rounds, quick }: Size,
  { quick: isQuick, signal, progress }: ExperimentOptions,
): Promise<readonly Figure[]> {
  const times = isQuick ? quick : { turns, rounds };
  const measureOne = async (arm: PodLoad): Promise<ReadonlyMap<Metric, number>> => {
    const { seconds, sandboxMs } = await arm.start(count, { turns: times.turns, signal });
    const values: readonly (readonly [Metric, number])[] = [
      [p50, percentile(seconds, 50)],
      [p99, percentile(seconds, 99)],
      [sandbox, sandboxMs],
    ];
    // A run that is cut off has still printed its results so far.
    const texts = values.map(([{ name, unit }, value]) => `${name} ${value.toFixed(3)} ${unit}`);
    progress(`${arm.name}: ${texts.join(', ')}`);
    return new Map(values);
  };
  const common = { group, arms, rounds: times.rounds, oneWay: isQuick, signal, progress };
  return compare({ ...common, measures: [measureOne] });
}

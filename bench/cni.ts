// The cost of ADD and DEL: the real plugins are called one pod after the other and 20 at once, and compared with the
// reference `bridge` + `host-local` and with the kernel's own part; and the cost of an agent with many pods for a node.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { churn, churnBars, compareChurn } from './churn.ts';
import { CniNode } from './cni-node.ts';
import type { Bar, Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { compare, type Metric } from './interleave.ts';
import {
  type BenchPod,
  callAtOnce,
  callInTurn,
  interfaceCount,
  type Plugin,
  untilDeleted,
} from './load/cni-calls.ts';
import { BenchPods } from './pods.ts';
import { barePlugin } from './reference/bare-plugin.ts';
import { Topology } from './reference/topology.ts';
import { series } from './statistics.ts';

const addP50: Metric = { name: 'ADD p50', unit: 'ms', better: 'lower' };
const addP99: Metric = { name: 'ADD p99', unit: 'ms', better: 'lower' };
const delP50: Metric = { name: 'DEL p50', unit: 'ms', better: 'lower' };
const delP99: Metric = { name: 'DEL p99', unit: 'ms', better: 'lower' };
const addAll: Metric = { name: '20 parallel ADDs', unit: 'ms', better: 'lower' };
const delAll: Metric = { name: '20 parallel DELs', unit: 'ms', better: 'lower' };

// There are two baselines because the reference plugins with one family do half of our work.
const single = 'CNI calls (ratio to bridge + host-local with IPv4 alone)';
const dual = 'CNI calls (ratio to bridge + host-local with both families)';
const cost = 'agent at default sizes';
const fullGroup = 'agent with 1,000 endpoints';
const growth = 'CNI calls by endpoints on the node (ratio to none)';
const kernelGrowth = "the kernel's part by endpoints on the node (ratio to none)";
const crowded = 'CNI calls with 1,000 endpoints on the node (ratio to the kernel alone)';
const atCost = { arm: 'heddle, 200 endpoints', of: 'value' } as const;
const idle = { metric: 'processor time, idle', unit: '%', better: 'lower' } as const;
const resident = { metric: 'resident memory', unit: 'MB', better: 'lower' } as const;
const maps = { metric: 'BPF maps', unit: 'MB', better: 'lower' } as const;
const levels = { some: 200, many: 1000 } as const;

const bars: readonly Bar[] = [
  ...[single, dual].flatMap((group): Bar[] => [
    { group, arm: 'heddle', metric: addP50.name, of: 'ratio', limit: 0.4 },
    { group, arm: 'heddle', metric: delP50.name, of: 'ratio', limit: 0.4 },
    { group, arm: 'heddle', metric: addAll.name, of: 'ratio', limit: 0.3 },
  ]),
  ...churnBars,
  { group: cost, ...atCost, metric: resident.metric, limit: 120 },
  { group: cost, ...atCost, metric: maps.metric, limit: 60 },
  { group: cost, ...atCost, metric: idle.metric, limit: 0.5 },
  // The kernel's own part grows with the node's interfaces, so growth does not measure a plugin.
  ...(
    [
      [addP50, 2.0],
      [delP50, 2.5],
      [addAll, 2.0],
    ] as const
  ).map(
    ([{ name }, limit]): Bar => ({
      group: crowded,
      arm: atLevel(levels.many),
      metric: name,
      of: 'ratio',
      limit,
    }),
  ),
  { group: fullGroup, arm: atLevel(levels.many), metric: resident.metric, of: 'value', limit: 120 },
  { group: fullGroup, arm: atLevel(levels.many), metric: maps.metric, of: 'value', limit: 60 },
];

function atLevel(endpoints: number): string {
  return `heddle, ${endpoints} endpoints`;
}

export const cniExperiment: Experiment = {
  name: 'cni',
  summary: 'ADD and DEL against bridge + host-local; memory and idle time of an agent with pods',
  bars,
  run: runCni,
};

async function runCni(options: ExperimentOptions): Promise<readonly Figure[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'heddle-bench-'));
  try {
    using topology = new Topology(`heddle-bench-${process.pid}`);
    using pods = new BenchPods(`heddle-bench-${process.pid}-pod`);
    await using node = await CniNode.start(topology);
    const ours = [node.plugin, barePlugin(topology)] as const;
    const figures: Figure[] = [];
    for (const [group, families] of [
      [single, ['4']],
      [dual, ['4', '6']],
    ] as const) {
      if (!isWanted(group, options)) continue;
      const plugins = [bridge(topology, stateDir, families), ...ours] as const;
      figures.push(...(await compareCalls(group, plugins, { pods, options })));
    }
    if (isWanted(churn, options)) {
      figures.push(...(await compareChurn(node.plugin, { pods, options })));
    }
    if (
      [growth, cost, fullGroup, kernelGrowth, crowded].some((group) => isWanted(group, options))
    ) {
      figures.push(...(await compareLevels(node, { topology, pods, options })));
    }
    return figures;
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function isWanted(group: string, { only = '' }: ExperimentOptions): boolean {
  return group.includes(only);
}

const subnets = { '4': '10.212.0.0/21', '6': 'fd00:212::/64' } as const;

function bridge(topology: Topology, stateDir: string, families: readonly ('4' | '6')[]): Plugin {
  const name = families.length === 1 ? 'bridge' : 'bridge, dual stack';
  const dataDir = join(stateDir, String(families.length));
  const ranges = families.map((family) => [{ subnet: subnets[family] }]);
  return {
    name,
    namespacePath: topology.namespace(`bridge-${families.length}`).namespacePath,
    executable: '/usr/lib/cni/bridge',
    configuration: {
      cniVersion: '1.0.0',
      name: 'bench',
      type: 'bridge',
      bridge: 'cni0',
      isGateway: true,
      ipam: { type: 'host-local', dataDir, ranges },
    },
  };
}

interface Means {
  readonly pods: BenchPods;
  readonly options: ExperimentOptions;
}

function compareCalls(
  group: string,
  plugins: readonly [Plugin, ...Plugin[]],
  { pods, options: { quick, signal, progress } }: Means,
): Promise<readonly Figure[]> {
  const inTurn = quick ? 5 : 20;
  const arm = (plugin: Plugin) => ({ ...plugin, client: plugin, server: plugin, address: '' });
  const [baseline, ...others] = plugins;
  return compare({
    group,
    arms: [arm(baseline), ...others.map(arm)],
    rounds: quick ? 1 : 5,
    signal,
    progress,
    measures: [
      async ({ name }) => {
        const plugin = plugins.find((candidate) => candidate.name === name) ?? baseline;
        const before = interfaceCount(plugin);
        const some = pods.atLeast(inTurn).slice(0, inTurn);
        const many = pods.atLeast(20).slice(0, 20);
        const added = series(await callInTurn(plugin, 'ADD', some));
        const deleted = series(await callInTurn(plugin, 'DEL', some));
        const figures = new Map([
          [addP50, added.median],
          [addP99, added.max],
          [delP50, deleted.median],
          [delP99, deleted.max],
          [addAll, await callAtOnce(plugin, 'ADD', many)],
          [delAll, await callAtOnce(plugin, 'DEL', many)],
        ]);
        await untilDeleted(plugin, before);
        return figures;
      },
    ],
  });
}

/** Compares three nodes that have none, 200 and 1,000 permanent pods while others are added and deleted. */
async function compareLevels(
  empty: CniNode,
  { topology, pods, options }: Means & { readonly topology: Topology },
): Promise<readonly Figure[]> {
  const { some, many } = levels;
  await using few = await CniNode.start(topology, atLevel(levels.some));
  await using full = await CniNode.start(topology, atLevel(levels.many));
  // The first 20 are the pods that are added and deleted.
  const staying = pods.atLeast(20 + some + many).slice(20);
  await fill(few, staying.slice(0, some), options);
  const idleFigures = await measureIdle(few, options);
  await fill(full, staying.slice(some), options);
  const plugins = [empty.plugin, few.plugin, full.plugin] as const;
  for (const plugin of plugins) await warmUp(plugin, { pods, options });
  const figures = await compareCalls(growth, plugins, { pods, options });
  return [
    ...idleFigures,
    ...figures,
    ...(await compareKernelLevels(full.plugin, { topology, pods, options })),
    ...footprint(full, fullGroup, atLevel(levels.many)),
  ];
}

/** The same comparison for the kernel's part alone and for `plugin`, whose node has as many endpoints. */
async function compareKernelLevels(
  plugin: Plugin,
  { topology, pods, options }: Means & { readonly topology: Topology },
): Promise<readonly Figure[]> {
  const none = barePlugin(topology, 'kernel alone, no endpoint');
  const full = barePlugin(topology, `kernel alone, ${levels.many} endpoints`);
  const taken = pods.atLeast(20).length;
  options.progress(`${full.name}: ${levels.many} pods`);
  await callInTurn(full, 'ADD', pods.atLeast(taken + levels.many).slice(taken));
  return [
    ...(await compareCalls(kernelGrowth, [none, full], { pods, options })),
    ...(await compareCalls(crowded, [full, plugin], { pods, options })),
  ];
}

// V8 optimises code that has run some hundred times, so an agent that has only added pods cannot be compared with one
// that has deleted hundreds. Every node gets the same calls before the measurement.
async function warmUp(
  plugin: Plugin,
  { pods, options: { quick, signal, progress } }: Means,
): Promise<void> {
  const some = pods.atLeast(20).slice(0, 20);
  progress(`${plugin.name}: warm-up`);
  for (let round = 0; round < (quick ? 1 : 10); round++) {
    signal.throwIfAborted();
    for (const verb of ['ADD', 'DEL'] as const) await callInTurn(plugin, verb, some);
    for (const verb of ['ADD', 'DEL'] as const) await callAtOnce(plugin, verb, some);
  }
}

function fill(
  node: CniNode,
  pods: readonly BenchPod[],
  { signal, progress }: ExperimentOptions,
): Promise<readonly number[]> {
  signal.throwIfAborted();
  progress(`${node.plugin.name}: ${pods.length} pods`);
  return callInTurn(node.plugin, 'ADD', pods);
}

async function measureIdle(
  node: CniNode,
  { quick, signal, progress }: ExperimentOptions,
): Promise<readonly Figure[]> {
  progress(`${node.plugin.name}: idle`);
  // First wait for the garbage of the burst: V8 collects it in several steps when it is idle.
  await node.idlePercent(quick ? 2 : 40);
  const figures = footprint(node, cost, atCost.arm);
  const percents: number[] = [];
  for (let part = 0; part < (quick ? 1 : 4); part++) {
    signal.throwIfAborted();
    percents.push(await node.idlePercent(quick ? 10 : 30));
  }
  return [{ group: cost, arm: atCost.arm, ...idle, values: series(percents) }, ...figures];
}

function footprint(node: CniNode, group: string, arm: string): readonly Figure[] {
  const { residentMegabytes, mapMegabytes } = node.footprint();
  return [
    { group, arm, ...resident, values: series([residentMegabytes]) },
    { group, arm, ...maps, values: series([mapMegabytes]) },
  ];
}

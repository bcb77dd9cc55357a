// What it costs to give a pod its network and to take it away: ADD and DEL through the real plugins, one pod after the
// other and 20 at once, against the reference `bridge` + `host-local`; and what an agent with many pods costs a node.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetworkNamespace } from '../src/kernel/namespace.ts';
import { CniNode } from './cni-node.ts';
import type { Bar, Experiment, Figure, RunOptions } from './experiment.ts';
import { compare, type Metric } from './interleave.ts';
import { type BenchPod, callAtOnce, callInTurn, type Plugin } from './load/cni-calls.ts';
import { Topology } from './reference/topology.ts';
import { ratios, series } from './statistics.ts';

const addP50: Metric = { name: 'ADD p50', unit: 'ms', better: 'lower' };
const addP99: Metric = { name: 'ADD p99', unit: 'ms', better: 'lower' };
const delP50: Metric = { name: 'DEL p50', unit: 'ms', better: 'lower' };
const delP99: Metric = { name: 'DEL p99', unit: 'ms', better: 'lower' };
const addAll: Metric = { name: '20 parallel ADDs', unit: 'ms', better: 'lower' };
const delAll: Metric = { name: '20 parallel DELs', unit: 'ms', better: 'lower' };

// The baseline has one family to set up, and we have two: the reference plugins take twice as long for both.
const calls = 'CNI calls (ratio to bridge + host-local with IPv4 alone)';
const cost = 'agent at default sizes';
const idle = {
  group: cost,
  arm: 'heddle, 200 endpoints',
  metric: 'processor time, idle',
  unit: '%',
};
const maps = { group: cost, arm: 'heddle, 200 endpoints', metric: 'BPF maps', unit: 'MB' };
const growth = 'with 1,000 endpoints (ratio to one)';

const bars: readonly Bar[] = [
  { group: calls, arm: 'heddle', metric: addP50.name, of: 'ratio', limit: 0.4 },
  { group: calls, arm: 'heddle', metric: delP50.name, of: 'ratio', limit: 0.4 },
  { group: calls, arm: 'heddle', metric: addAll.name, of: 'ratio', limit: 0.3 },
  { group: cost, arm: 'heddle, 200 endpoints', metric: 'resident memory', of: 'value', limit: 120 },
  { group: cost, arm: maps.arm, metric: maps.metric, of: 'value', limit: 60 },
  { group: cost, arm: idle.arm, metric: idle.metric, of: 'value', limit: 0.5 },
  { group: growth, arm: 'heddle', metric: addP50.name, of: 'ratio', limit: 1.03 },
  { group: growth, arm: 'heddle', metric: 'resident memory', of: 'value', limit: 120 },
  { group: growth, arm: 'heddle', metric: maps.metric, of: 'value', limit: 60 },
];

export const cniExperiment: Experiment = {
  name: 'cni',
  summary: 'ADD and DEL against bridge + host-local; memory and idle time of an agent with pods',
  bars,
  run: runCni,
};

async function runCni(options: RunOptions): Promise<readonly Figure[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'heddle-bench-'));
  try {
    using topology = new Topology(`heddle-bench-${process.pid}`);
    using pods = new Pods(`heddle-bench-${process.pid}-pod`);
    await using node = await CniNode.start(topology);
    const arms: [Plugin, ...Plugin[]] = [
      bridge(topology, stateDir, ['4']),
      bridge(topology, stateDir, ['4', '6']),
      node.plugin,
    ];
    return [
      ...(await compareCalls(arms, pods, options)),
      ...(await measureAgent(node, pods, options)),
    ];
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
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

function compareCalls(
  plugins: readonly [Plugin, ...Plugin[]],
  pods: Pods,
  { quick, signal, progress }: RunOptions,
): Promise<readonly Figure[]> {
  const inTurn = quick ? 5 : 20;
  const arm = (plugin: Plugin) => ({ ...plugin, client: plugin, server: plugin, address: '' });
  const [baseline, ...others] = plugins;
  return compare({
    group: calls,
    arms: [arm(baseline), ...others.map(arm)],
    rounds: quick ? 2 : 7,
    signal,
    progress,
    measure: async ({ name }) => {
      const plugin = plugins.find((candidate) => candidate.name === name) ?? baseline;
      const some = pods.atLeast(inTurn).slice(0, inTurn);
      const many = pods.atLeast(20).slice(0, 20);
      const added = series(await callInTurn(plugin, 'ADD', some));
      const deleted = series(await callInTurn(plugin, 'DEL', some));
      return new Map([
        [addP50, added.median],
        [addP99, added.max],
        [delP50, deleted.median],
        [delP99, deleted.max],
        [addAll, await callAtOnce(plugin, 'ADD', many)],
        [delAll, await callAtOnce(plugin, 'DEL', many)],
      ]);
    },
  });
}

async function measureAgent(
  node: CniNode,
  pods: Pods,
  { quick, signal, progress }: RunOptions,
): Promise<readonly Figure[]> {
  const most = quick ? 220 : 1020;
  const all = pods.atLeast(most);
  const added = async (from: number, to: number): Promise<readonly number[]> => {
    signal.throwIfAborted();
    progress(`agent: pods ${from + 1} to ${to}`);
    return callInTurn(node.plugin, 'ADD', all.slice(from, to));
  };
  const first = await added(0, 20);
  await added(20, 200);
  progress('agent: idle with 200 pods');
  // The garbage of the burst goes first.
  const before = await node.idlePercent(quick ? 2 : 20).then(() => node.footprint());
  const idlePercent = await node.idlePercent(quick ? 10 : 60);
  await added(200, most - 20);
  const last = await added(most - 20, most);
  const after = node.footprint();
  await callInTurn(node.plugin, 'DEL', all);
  const lower = { better: 'lower' } as const;
  const grown = { group: growth, arm: 'heddle', ...lower };
  const resident = { metric: 'resident memory', unit: 'MB' } as const;
  return [
    { ...idle, ...lower, values: series([idlePercent]) },
    { ...maps, ...resident, ...lower, values: series([before.residentMegabytes]) },
    { ...maps, ...lower, values: series([before.mapMegabytes]) },
    {
      ...grown,
      metric: addP50.name,
      unit: addP50.unit,
      values: series(last),
      ratios: ratios([series(last).median], [series(first).median]),
    },
    { ...grown, ...resident, values: series([after.residentMegabytes]) },
    { ...grown, metric: maps.metric, unit: maps.unit, values: series([after.mapMegabytes]) },
  ];
}

/** Network namespaces of pods, made as they are needed and removed together. */
class Pods implements Disposable {
  readonly #prefix: string;
  readonly #made: BenchPod[] = [];

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  atLeast(count: number): readonly BenchPod[] {
    while (this.#made.length < count) {
      const containerId = `${this.#prefix}-${this.#made.length}`;
      const namespacePath = `/run/netns/${containerId}`;
      NetworkNamespace.create(namespacePath)[Symbol.dispose]();
      this.#made.push({ containerId, namespacePath });
    }
    return this.#made;
  }

  [Symbol.dispose](): void {
    for (const { namespacePath } of this.#made.splice(0)) NetworkNamespace.remove(namespacePath);
  }
}

// What the pod network costs: stream, round trip, connection rate and processor time, same node and across nodes,
// against one bare veth pair, a namespace that only forwards, and the reference `bridge` plugin.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Arm } from './arm.ts';
import type { Bar, Experiment, Figure, RunOptions } from './experiment.ts';
import { HeddleLab } from './heddle-lab.ts';
import { type Comparison, compare, type Measure, type Metric } from './interleave.ts';
import { measureConnections } from './load/connections.ts';
import { measureLatency } from './load/latency.ts';
import { measureStream } from './load/stream.ts';
import { hostToHost } from './reference/cross-node.ts';
import { redirectOnlyCrossNode, redirectOnlySameNode } from './reference/redirect-only.ts';
import { bareVeth, bridgePlugin, forwardingNamespace } from './reference/same-node.ts';
import { Topology } from './reference/topology.ts';

const stream: Metric = { name: 'TCP stream', unit: 'Gbit/s', better: 'higher' };
const cost: Metric = { name: 'CPU per GB', unit: 's/GB', better: 'lower' };
const p50: Metric = { name: 'p50, 1 CPU', unit: 'us', better: 'lower' };
const p99: Metric = { name: 'p99, 1 CPU', unit: 'us', better: 'lower' };
const connections: Metric = { name: 'connections, 1 CPU', unit: '/s', better: 'higher' };
const p50Two: Metric = { name: 'p50, 2 CPUs', unit: 'us', better: 'lower' };
const p99Two: Metric = { name: 'p99, 2 CPUs', unit: 'us', better: 'lower' };
const connectionsTwo: Metric = { name: 'connections, 2 CPUs', unit: '/s', better: 'higher' };

const sameNode = 'same node (ratio to one bare veth pair)';
const crossNode = 'across nodes (ratio to host-to-host)';

const bars: readonly Bar[] = [
  { group: sameNode, arm: 'heddle', metric: stream.name, of: 'ratio', limit: 0.95 },
  { group: sameNode, arm: 'heddle', metric: p50.name, of: 'ratio', limit: 1.12 },
  { group: sameNode, arm: 'heddle', metric: connections.name, of: 'ratio', limit: 0.85 },
  { group: crossNode, arm: 'heddle native', metric: stream.name, of: 'ratio', limit: 0.95 },
  { group: crossNode, arm: 'heddle native', metric: p50.name, of: 'ratio', limit: 1.05 },
];

export const networkExperiment: Experiment = {
  name: 'network',
  summary: 'pod network against bare veth, forwarding, the bridge plugin and host-to-host',
  bars,
  run: runNetwork,
};

async function runNetwork(options: RunOptions): Promise<readonly Figure[]> {
  const stateDir = mkdtempSync(join(tmpdir(), 'heddle-bench-'));
  try {
    using topology = new Topology(`heddle-bench-${process.pid}`);
    await using native = await HeddleLab.up('bench-native', 'native', options.progress);
    await using overlay = await HeddleLab.up('bench-vxlan', 'vxlan', options.progress);
    const near: [Arm, ...Arm[]] = [
      bareVeth(topology),
      forwardingNamespace(topology),
      bridgePlugin(topology, stateDir),
      redirectOnlySameNode(topology),
      native.sameNode('heddle'),
    ];
    const far: [Arm, ...Arm[]] = [
      hostToHost(topology),
      redirectOnlyCrossNode(topology),
      native.crossNode('heddle native'),
      overlay.crossNode('heddle vxlan'),
    ];
    const near1 = await compare(comparison(sameNode, near, options));
    const far1 = await compare(comparison(crossNode, far, options));
    return [...near1, ...far1];
  } finally {
    rmSync(stateDir, { recursive: true, force: true });
  }
}

function comparison(
  group: string,
  arms: readonly [Arm, ...Arm[]],
  options: RunOptions,
): Comparison {
  const { quick, signal, progress } = options;
  const measure = measureArm(quick ? { seconds: 1, count: 2000 } : { seconds: 2, count: 5000 });
  return { group, arms, rounds: quick ? 2 : 5, measure, signal, progress };
}

interface Dose {
  readonly seconds: number;
  /** Connections a sample. */
  readonly count: number;
}

// One CPU first: the cost of the path; two CPUs: what a user sees, with the wake-up of an idle CPU in it. What shares the
// machine makes a second of round trips dearer by up to two fifths and never cheaper, so the best of three stands.
function measureArm({ seconds, count }: Dose): Measure {
  return async ({ client, server, address }) => {
    const on = (second: number) => ({
      ...{ client, server, address, seconds: 1, count },
      cpus: [0, second] as const,
    });
    const flow = await measureStream({ ...on(1), seconds });
    const one = await inTurn(() => measureLatency(on(0)));
    const two = await measureLatency(on(1));
    return new Map([
      [stream, flow.gigabitsPerSecond],
      [cost, flow.cpuSecondsPerGigabyte],
      [p50, Math.min(...one.map(({ p50Us }) => p50Us))],
      [p99, Math.min(...one.map(({ p99Us }) => p99Us))],
      [connections, Math.max(...(await inTurn(() => measureConnections(on(0)))))],
      [p50Two, two.p50Us],
      [p99Two, two.p99Us],
      [connectionsTwo, await measureConnections(on(1))],
    ]);
  };
}

async function inTurn<Result>(measure: () => Promise<Result>): Promise<readonly Result[]> {
  return [await measure(), await measure(), await measure()];
}

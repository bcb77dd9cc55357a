// What a cluster of 1,000 nodes and 10,000 pods costs one agent: a real API server whose objects are written by the
// experiment, no kubelets, and one whole agent that reads it as `node-1`.
//
// Everything of it runs in the node's network namespace, where the API server listens on the loopback (./simulated/).

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { exitOf } from '../src/lab/spawn.ts';
import type { Bar, Experiment, Figure, RunOptions } from './experiment.ts';
import { connect, ip, Topology } from './reference/topology.ts';
import type { Measured, MeasuredName } from './simulated/measured.ts';
import { series } from './statistics.ts';

const program = fileURLToPath(new URL('./simulated/main.js', import.meta.url));

const group = 'simulated cluster of 1,000 nodes and 10,000 pods';
const arm = 'heddle';

/** A limit makes it a bar; without one it explains the others. */
interface Row {
  readonly metric: string;
  readonly unit: string;
  readonly limit?: number;
}

const rows: Readonly<Record<MeasuredName, Row>> = {
  coldSync: { metric: 'cold sync, process start to ready', unit: 's', limit: 5 },
  read: { metric: 'cold sync, first request to last list', unit: 's' },
  restart: { metric: 'restart with tables in place, to ready', unit: 's' },
  residentAtRest: { metric: 'resident memory at rest', unit: 'MB' },
  residentAtMost: { metric: 'resident memory at most', unit: 'MB', limit: 350 },
  processorAtRest: { metric: 'processor time at rest', unit: '%' },
  processorUnderLoad: { metric: 'processor time at 100 pod changes/s', unit: '%', limit: 25 },
  changesPerSecond: { metric: 'pod changes written', unit: '/s' },
  lagP50: { metric: 'API write to map entry p50', unit: 'ms' },
  lagP99: { metric: 'API write to map entry p99', unit: 'ms', limit: 250 },
  requestsAtRest: { metric: 'requests at rest but watches', unit: '/min', limit: 0 },
  watchesAtRest: { metric: 'watches begun at rest', unit: '/min' },
};

const names = Object.keys(rows) as readonly MeasuredName[];

const bars: readonly Bar[] = names.flatMap((name): Bar[] => {
  const { metric, limit } = rows[name];
  return limit === undefined ? [] : [{ group, arm, metric, of: 'value', limit }];
});

export const simulatedClusterExperiment: Experiment = {
  name: 'kube-simulated',
  summary: 'an agent in a cluster of 1,000 nodes and 10,000 pods on a real API server',
  bars,
  run: measure,
};

async function measure(options: RunOptions): Promise<readonly Figure[]> {
  if (!group.includes(options.only ?? '')) return [];
  using topology = new Topology(`heddle-bench-${process.pid}`);
  const place = topology.namespace('node-1');
  connect(
    { place, name: 'eth0', address: '10.216.0.1/16' },
    { place: topology.namespace('wire'), name: 'eth0' },
  );
  ip(place, 'addr add fd00:216::1/64 dev eth0 nodad');
  const measured = await runInside(place.namespacePath, options);
  return names.map((name): Figure => {
    const { metric, unit } = rows[name];
    const better = name === 'changesPerSecond' ? 'higher' : 'lower';
    return { group, arm, metric, unit, values: series(measured[name]), better };
  });
}

async function runInside(
  namespacePath: string,
  { quick, signal, progress }: RunOptions,
): Promise<Measured> {
  const words = [`--net=${namespacePath}`, process.execPath, program, namespacePath];
  const child = spawn('nsenter', [...words, quick ? 'quick' : 'full'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stop = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => progress(text.trimEnd()));
  const exitCode = await exitOf(child, 'close');
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  if (exitCode !== 0) throw new Error(`the simulated cluster ended with exit code ${exitCode}`);
  return JSON.parse(output) as Measured;
}

// What a cluster of 1,000 nodes and 10,000 pods costs one agent: a real API server whose objects are written by the
// experiment, no kubelets, and one whole agent that reads it as `node-1`.
//
// Everything of it runs in the node's network namespace, where the API server listens on the loopback (./simulated/).

import { fileURLToPath } from 'node:url';
import type { Bar, Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { runInner } from './inner-process.ts';
import { connect, runIp, Topology } from './reference/topology.ts';
import {
  type Measured,
  type MeasuredName,
  type PartName,
  partNames,
} from './simulated/measured.ts';
import { series } from './statistics.ts';

const program = fileURLToPath(new URL('./simulated/main.js', import.meta.url));

const group = 'simulated cluster of 1,000 nodes and 10,000 pods';
const arm = 'heddle';

/** With a limit the row is a bar; without one it explains the others. */
interface Row {
  readonly name: MeasuredName;
  readonly metric: string;
  readonly unit: string;
  readonly limit?: number;
}

const changing = 'processor time at 100 pod changes/s';

/** Rows that are measured together and can be selected by a word of the name: `--only start`. */
const parts: Readonly<Record<PartName, readonly Row[]>> = {
  start: [
    {
      name: 'coldSync',
      metric: 'cold sync, process start to all entries in the kernel',
      unit: 's',
      limit: 5,
    },
    { name: 'read', metric: 'of which first request to last list', unit: 's' },
    { name: 'restart', metric: 'restart with tables in place, to ready', unit: 's' },
    { name: 'residentAtMost', metric: 'maximum resident memory', unit: 'MB', limit: 350 },
  ],
  rest: [
    { name: 'residentAtRest', metric: 'resident memory', unit: 'MB' },
    { name: 'processorAtRest', metric: 'processor time', unit: '%' },
    { name: 'requestsAtRest', metric: 'requests without watches', unit: '/min', limit: 0 },
    { name: 'watchesAtRest', metric: 'watches started', unit: '/min' },
  ],
  changes: [
    { name: 'processorPods', metric: changing, unit: '%', limit: 25 },
    { name: 'podChanges', metric: 'pod changes written', unit: '/s' },
    { name: 'processorPodsAndNodes', metric: `${changing} and 4 of nodes`, unit: '%' },
    { name: 'lagP50', metric: 'API write to map entry p50', unit: 'ms' },
    { name: 'lagP99', metric: 'API write to map entry p99', unit: 'ms', limit: 250 },
    { name: 'residentAfterChanges', metric: 'resident memory afterwards', unit: 'MB', limit: 350 },
  ],
};

function groupOf(part: PartName): string {
  return `${group}: ${part}`;
}

const bars: readonly Bar[] = partNames.flatMap((part) =>
  parts[part].flatMap(({ metric, limit }): readonly Bar[] =>
    limit === undefined ? [] : [{ group: groupOf(part), arm, metric, of: 'value', limit }],
  ),
);

export const simulatedClusterExperiment: Experiment = {
  name: 'kube-simulated',
  summary: 'an agent in a cluster of 1,000 nodes and 10,000 pods on a real API server',
  bars,
  run: measure,
};

async function measure(options: ExperimentOptions): Promise<readonly Figure[]> {
  const wanted = partNames.filter((part) => groupOf(part).includes(options.only ?? ''));
  if (wanted.length === 0) return [];
  using topology = new Topology(`heddle-bench-${process.pid}`);
  const place = topology.namespace('node-1');
  connect(
    { place, name: 'eth0', address: '10.216.0.1/16' },
    { place: topology.namespace('wire'), name: 'eth0' },
  );
  runIp(place, 'addr add fd00:216::1/64 dev eth0 nodad');
  const { namespacePath } = place;
  const command = [program, namespacePath, options.quick ? 'quick' : 'full', ...wanted];
  const measured = (await runInner({ namespacePath, command }, options)) as Measured;
  return wanted.flatMap((part) => parts[part].map((row) => figure(part, row, measured)));
}

function figure(part: PartName, { name, metric, unit }: Row, measured: Measured): Figure {
  const better = name === 'podChanges' ? 'higher' : 'lower';
  const values = series(measured[name] ?? []);
  return { group: groupOf(part), arm, metric, unit, values, better };
}

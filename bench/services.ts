// What Services cost on a node: Heddle against the real kube-proxy in its two modes, a pod's own address and a bare veth
// pair, with one Service and with tens of thousands. All proxies read the same real API server.

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { exitOf } from '../src/lab/spawn.ts';
import type { Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { Topology } from './reference/topology.ts';
import { serviceBars } from './services/bars.ts';
import { defaultSizes, quickSizes } from './services/names.ts';
import { servicesPlot } from './services/plot.ts';

const program = fileURLToPath(new URL('./services/main.js', import.meta.url));

export const servicesExperiment: Experiment = {
  name: 'services',
  summary:
    "Heddle's Services against kube-proxy, the pod's own address and bare veth, up to 30,000",
  bars: serviceBars(defaultSizes),
  plot: servicesPlot,
  run: runServices,
};

async function runServices(options: ExperimentOptions): Promise<readonly Figure[]> {
  const { quick, only = '', signal, progress, sizes = quick ? quickSizes : defaultSizes } = options;
  using topology = new Topology(`heddle-bench-${process.pid}`);
  const { namespacePath } = topology.namespace('api');
  const inOrder = [...sizes].sort((left, right) => left - right).map(String);
  const words = [`--net=${namespacePath}`, process.execPath, program, quick ? 'quick' : 'full'];
  const child = spawn('nsenter', [...words, ...inOrder], { stdio: ['ignore', 'pipe', 'pipe'] });
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
  if (exitCode !== 0) throw new Error(`the experiment's inner process ended with ${exitCode}`);
  const figures = JSON.parse(output) as readonly Figure[];
  return figures.filter(({ group }) => group.includes(only));
}

// What Services cost on a node: Heddle against the real kube-proxy in its two modes, a pod's own address and a bare veth
// pair, with one Service and with tens of thousands. All proxies read the same real API server.

import { fileURLToPath } from 'node:url';
import type { Experiment, ExperimentOptions, Figure } from './experiment.ts';
import { runInner } from './inner-process.ts';
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
  const { quick, only = '', sizes = quick ? quickSizes : defaultSizes } = options;
  using topology = new Topology(`heddle-bench-${process.pid}`);
  const { namespacePath } = topology.namespace('api');
  const inOrder = [...sizes].sort((left, right) => left - right).map(String);
  const command = [program, quick ? 'quick' : 'full', ...inOrder];
  const figures = (await runInner({ namespacePath, command }, options)) as readonly Figure[];
  return figures.filter(({ group }) => group.includes(only));
}

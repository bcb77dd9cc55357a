// Heddle in Kubernetes. Each part is an experiment of its own and can run alone.

import type { Experiment } from './experiment.ts';
import { podsExperiment } from './kube-pods.ts';
import { simulatedClusterExperiment } from './kube-simulated.ts';

/** In the order in which they run. */
export const kubeParts: readonly Experiment[] = [podsExperiment, simulatedClusterExperiment];

export const kubeExperiment: Experiment = {
  name: 'kube',
  summary: `all of ${kubeParts.map(({ name }) => name).join(', ')}`,
  bars: kubeParts.flatMap(({ bars }) => bars),
  run: async (options) => {
    const figures = [];
    for (const part of kubeParts) figures.push(...(await part.run(options)));
    return figures;
  },
};

// What must hold on the nodes when the suite has ended: the agents are healthy, and nothing of its pods and Services is
// left. The results count like specs.

import { errorText } from '../../../src/base/errors.ts';
import { heddle } from '../agents.ts';
import type { KubeCluster } from '../cluster/cluster.ts';
import { assertNothingNew, clusterRemains, type NodeRemains } from '../node-remains.ts';
import type { Spec } from './junit.ts';

type Before = Readonly<Record<string, NodeRemains>>;

// Ended containers are deleted by the kubelet's next sweeps. Counters of an endpoint stay in their slot of the map until
// another endpoint gets the slot.
const notCompared = ['containers', 'tasks', 'counters'];

export function remainsBefore(cluster: KubeCluster): Promise<Before> {
  return clusterRemains(cluster);
}

export async function afterwards(cluster: KubeCluster, before: Before): Promise<readonly Spec[]> {
  return [
    await checked('Heddle: nothing of the suite is left on the nodes', () =>
      assertNothingNew(cluster, before, notCompared),
    ),
    await checked('Heddle: every node is healthy after the suite', async () => {
      for (const { name } of cluster.record.nodes) await heddle(cluster, name, ['status']);
    }),
  ];
}

async function checked(name: string, check: () => Promise<void>): Promise<Spec> {
  const began = performance.now();
  const seconds = (): number => (performance.now() - began) / 1000;
  try {
    await check();
    return { name, outcome: 'passed', seconds: seconds(), text: '' };
  } catch (error) {
    return { name, outcome: 'failed', seconds: seconds(), text: errorText(error) };
  }
}

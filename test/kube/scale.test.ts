// A hundred pods come and go three times, with a rolling restart each time: nothing of them stays.

import assert from 'node:assert/strict';
import { after, before, describe, type TestContext } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { assertNothingNew, clusterRemains, countText } from './node-remains.ts';
import { sharedCluster } from './shared-cluster.ts';
import { idleDeployment, readyPods } from './workloads.ts';

const name = 'crowd';
const many = 100;
// A machine that does other things, too.
const patienceMs = 300_000;

const deployment = idleDeployment(name, 0) as { readonly spec: object };
/** Half of its pods are replaced at a time. */
const strategy = { rollingUpdate: { maxSurge: '50%', maxUnavailable: '50%' } };
const crowd = { ...deployment, spec: { ...deployment.spec, strategy } };

describe('a hundred pods', () => {
  const ours = sharedCluster('heddle');
  const reference = sharedCluster('bridge');
  before(async () => {
    if (reasonToSkip() !== undefined) return;
    for (const cluster of [ours(), reference()]) await cluster.api.apply([crowd]);
  });
  after(async () => {
    if (reasonToSkip() !== undefined) return;
    for (const cluster of [ours(), reference()])
      await cluster.api.kubectl('delete', 'deployment', name, '--ignore-not-found');
  });

  rootTest('are added and deleted three times and leave nothing on the nodes', async (context) => {
    const cluster = ours();
    // What a node keeps once it has had a pod is there.
    await scale(cluster, 2);
    await scale(cluster, 0);
    const earlier = await clusterRemains(cluster);
    for (let round = 1; round <= 3; round++) {
      await tellTimes(context, cluster, async () => {
        await assertEveryPodHasItsOwn(cluster);
        if (round === 3) return;
        await cluster.api.kubectl('rollout', 'restart', `deployment/${name}`);
        await cluster.api.rolledOut(`deployment/${name}`, 'default', patienceMs);
        await assertEveryPodHasItsOwn(cluster);
      });
      // What has ended is removed by the kubelets' next sweep: looked at once, below.
      await assertNothingNew(cluster, earlier, ['containers']);
    }
    // No assertion on time: `npm run bench -- kube` compares. Kubelets of the other cluster sweep meanwhile.
    context.diagnostic(`bridge: ${many} pods Ready in ${await scale(reference(), many)} s`);
    await assertNothingNew(cluster, earlier);
    for (const [node, remains] of Object.entries(await clusterRemains(cluster)))
      context.diagnostic(`${node}: ${countText(remains)}`);
  });
});

/** To a hundred pods and back. */
async function tellTimes(
  context: TestContext,
  cluster: KubeCluster,
  atTheTop: () => Promise<void>,
): Promise<void> {
  const up = await scale(cluster, many);
  await atTheTop();
  const down = await scale(cluster, 0);
  context.diagnostic(`${cluster.record.cni}: ${many} pods Ready in ${up} s, gone in ${down} s`);
}

/** Returns when as many are Ready, or when the last Pod object has gone; how long it took, in seconds. */
async function scale(cluster: KubeCluster, replicas: number): Promise<string> {
  const started = performance.now();
  await cluster.api.kubectl('scale', `deployment/${name}`, `--replicas=${replicas}`);
  if (replicas > 0) await cluster.api.rolledOut(`deployment/${name}`, 'default', patienceMs);
  else {
    const words = [
      'wait',
      'pods',
      '-l',
      `app=${name}`,
      '--for=delete',
      `--timeout=${patienceMs / 1000}s`,
    ];
    await cluster.api.kubectl(...words);
  }
  return ((performance.now() - started) / 1000).toFixed(1);
}

async function assertEveryPodHasItsOwn(cluster: KubeCluster): Promise<void> {
  const pods = await readyPods(cluster, `app=${name}`);
  assert.equal(pods.length, many);
  const addresses = pods.flatMap((pod) => pod.addresses);
  assert.equal(addresses.length, 2 * many, 'both families');
  assert.equal(new Set(addresses).size, addresses.length, 'no address twice');
}

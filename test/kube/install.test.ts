// A cluster with no network, as kubeadm leaves it: one `kubectl apply` later its nodes are Ready and its pods have one.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { exitOf, spawnIn } from '../../src/lab/spawn.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { podsOf } from './agents.ts';
import { KubeCluster } from './cluster/cluster.ts';
import { toolImage } from './cluster/images.ts';
import { kubectlEnvironment } from './cluster/kubectl.ts';
import { programPath } from './cluster/programs.ts';
import { testClusterName } from './shared-cluster.ts';
import { type ReadyPod, readyPods, webDeployment } from './workloads.ts';

const replicas = 20;

/** On both nodes, also while one is Ready before the other. */
const evenly = {
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'web' } },
      matchLabelKeys: ['pod-template-hash'],
    },
  ],
};

/** One a node, with the node's own network: it needs nobody's. */
const onTheHost: object = {
  apiVersion: 'apps/v1',
  kind: 'DaemonSet',
  metadata: { namespace: 'default', name: 'host', labels: { app: 'host' } },
  spec: {
    selector: { matchLabels: { app: 'host' } },
    template: {
      metadata: { labels: { app: 'host' } },
      spec: {
        hostNetwork: true,
        terminationGracePeriodSeconds: 1,
        tolerations: [{ operator: 'Exists' }],
        containers: [
          {
            name: 'pause',
            image: toolImage,
            imagePullPolicy: 'Never',
            command: ['podtool', 'pause'],
          },
        ],
      },
    },
  },
};

describe('a cluster without a network', () => {
  let cluster: KubeCluster;
  let hostPods: readonly ReadyPod[];

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = await KubeCluster.up({ name: testClusterName(), cni: 'none', dns: false });
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  const webPods = (): Promise<readonly ReadyPod[]> => readyPods(cluster, 'app=web');

  rootTest('has nodes that are not Ready, and pods that wait', async () => {
    await cluster.apply([webDeployment('web', replicas, evenly), onTheHost]);
    await cluster.waitFor('both nodes say what they lack', async () => {
      const path = '{.items[*].status.conditions[?(@.type=="Ready")].message}';
      const text = await cluster.kubectl('get', 'nodes', '-o', `jsonpath=${path}`);
      return text.match(/cni plugin not initialized/g)?.length === 2;
    });
    hostPods = await cluster.waitFor('pods in the network of their nodes run', async () => {
      const pods = await readyPods(cluster, 'app=host');
      return pods.length === 2 && pods;
    });
    assert.deepEqual(await webPods(), []);
  });

  rootTest('has Ready nodes and running pods once the manifests are applied', async () => {
    await cluster.installHeddle();
    await cluster.nodesReady();
    await cluster.rolledOut('deployment/web');
    const pods = await webPods();
    assert.equal(pods.length, replicas);
    assert.deepEqual([...new Set(pods.map(({ node }) => node))].sort(), ['node-1', 'node-2']);
  });

  rootTest('kubectl exec, logs and port-forward work', async () => {
    for (const pod of await onePerNode()) {
      const { stdout } = await cluster.exec(pod.name, ['hostname']);
      assert.equal(stdout.trim(), pod.name);
      assert.match(await cluster.kubectl('logs', pod.name), /listening/);
      assert.match(await throughForwardedPort(pod.name), new RegExp(`^${pod.name} saw `));
    }
  });

  rootTest('pods in the network of their nodes are left alone', async () => {
    const pods = await readyPods(cluster, 'app=host');
    assert.deepEqual(pods, hostPods, 'the same pods with the same addresses');
    for (const { name, node, addresses } of pods) {
      assert.deepEqual(addresses, cluster.node(node).addresses);
      assert.equal(await restartsOf(name), 0);
    }
    for (const { name } of cluster.record.nodes) {
      const own = (await webPods()).filter(({ node }) => node === name);
      await cluster.waitFor(`${name} has endpoints for the others alone`, async () => {
        const names = own.map((pod) => `default/${pod.name}`).sort();
        return (await podsOf(cluster, name)).join() === names.join();
      });
    }
  });

  async function restartsOf(pod: string): Promise<number> {
    const path = 'jsonpath={.status.containerStatuses[0].restartCount}';
    return Number(await cluster.kubectl('get', 'pod', pod, '-o', path));
  }

  async function onePerNode(): Promise<readonly ReadyPod[]> {
    const pods = await webPods();
    return cluster.record.nodes.flatMap(({ name }) => pods.find(({ node }) => node === name) ?? []);
  }

  async function throughForwardedPort(pod: string): Promise<string> {
    const { place } = cluster.entry('control-plane');
    const kubectl = programPath({ folder: cluster.record.programs }, 'kubectl');
    const forward = spawnIn(place, [kubectl, 'port-forward', pod, '18080:8080'], {
      stdio: 'ignore',
      environment: kubectlEnvironment(cluster.paths),
    });
    try {
      return await cluster.waitFor('the forwarded port answers', async () => {
        const asked = ['curl', '-s', '--max-time', '5', 'http://127.0.0.1:18080/'];
        const { exitCode, stdout } = await cluster.run('control-plane', asked);
        return exitCode === 0 && stdout;
      });
    } finally {
      forward.kill('SIGTERM');
      await exitOf(forward);
    }
  }
});

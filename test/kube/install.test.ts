// A cluster without a network, as kubeadm leaves it: after one `kubectl apply` its nodes are Ready and its pods have a
// network. Everything can be uninstalled, and installed by the chart. The cluster itself leaves nothing on the machine.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { exitOf, spawnInPlace } from '../../src/lab/spawn.ts';
import { urlHost } from '../support/lab.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { askHeddle, podsOf } from './agents.ts';
import { KubeCluster } from './cluster/cluster.ts';
import { toolImage } from './cluster/images.ts';
import { kubectlEnvironment } from './cluster/kubectl.ts';
import { programPath } from './cluster/programs.ts';
import { machineTraces } from './machine-traces.ts';
import { answers, assertEveryPairReaches, fromPlace, sameFamily, urlsOf } from './reach.ts';
import { testClusterName } from './shared-cluster.ts';
import { type NodeSurroundings, surroundingsBefore, uninstallSuite } from './uninstall.ts';
import { type ReadyPod, readyPods, webContainer, webDeployment } from './workloads.ts';

const replicas = 20;

// Twenty pods start at once: a probe may take its time.
const patient = { timeoutSeconds: 5 };
const container = {
  ...webContainer,
  startupProbe: { tcpSocket: { port: 7 }, periodSeconds: 1, failureThreshold: 60, ...patient },
  readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 1, ...patient },
  livenessProbe: { grpc: { port: 9090 }, periodSeconds: 2, ...patient },
};

/** On both nodes, also while one is Ready before the other. */
const evenly = {
  containers: [container],
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

/** Sent to a port where nothing listens. */
const neverReady = {
  ...container,
  startupProbe: undefined,
  readinessProbe: { tcpSocket: { port: 81 }, periodSeconds: 1 },
};

function barePod(name: string, web: object): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, labels: { app: 'probed' } },
    spec: { terminationGracePeriodSeconds: 1, containers: [web] },
  };
}

describe('a cluster without a network', () => {
  let cluster: KubeCluster;
  let hostPods: readonly ReadyPod[];
  let asBefore: NodeSurroundings;
  const name = testClusterName();
  let machine: object;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    machine = machineTraces(name);
    cluster = await KubeCluster.up({ name, cni: 'none', dns: false, kubeProxy: 'nftables' });
    asBefore = await surroundingsBefore(cluster);
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  const webPods = (): Promise<readonly ReadyPod[]> => readyPods(cluster, 'app=web');

  rootTest('has nodes that are not Ready, and pods that wait', async () => {
    await cluster.api.apply([webDeployment('web', replicas, evenly), onTheHost]);
    await cluster.api.waitFor('both nodes say what they lack', async () => {
      const path = '{.items[*].status.conditions[?(@.type=="Ready")].message}';
      const text = await cluster.api.kubectl('get', 'nodes', '-o', `jsonpath=${path}`);
      return text.match(/cni plugin not initialized/g)?.length === 2;
    });
    hostPods = await cluster.api.waitFor('pods in the network of their nodes run', async () => {
      const pods = await readyPods(cluster, 'app=host');
      return pods.length === 2 && pods;
    });
    assert.deepEqual(await webPods(), []);
    await assert.rejects(
      KubeCluster.up({ name, cni: 'none' }),
      new RegExp(`cluster name: ${name} is in use`),
    );
  });

  rootTest('has Ready nodes and running pods once the manifests are applied', async () => {
    await cluster.installHeddle();
    await cluster.nodes.ready();
    await cluster.api.rolledOut('deployment/web');
    const pods = await webPods();
    assert.equal(pods.length, replicas);
    assert.deepEqual([...new Set(pods.map(({ node }) => node))].sort(), ['node-1', 'node-2']);
  });

  rootTest('its pods reach each other, every pair in both families', async () => {
    await assertEveryPairReaches(cluster, await webPods());
  });

  rootTest('its nodes reach every pod', async () => {
    const pods = await webPods();
    for (const { name, addresses } of cluster.record.nodes) {
      const said = await answers(fromPlace(cluster, name), urlsOf(pods));
      const remote = pods.filter(({ node }) => node !== name);
      for (const to of pods) {
        for (const address of to.addresses) {
          const text = said.get(`http://${urlHost(address)}:8080/`) ?? '';
          assert.match(text, new RegExp(`^${to.name} saw `), `${name} to ${address}`);
          if (remote.includes(to))
            assert.equal(text, `${to.name} saw ${sameFamily(addresses, address)}`);
        }
      }
    }
  });

  rootTest("its kubelets' probes reach the pods and detect one that fails", async () => {
    const web = { ...container, livenessProbe: { grpc: { port: 9090 }, periodSeconds: 2 } };
    await cluster.api.apply([barePod('fails', web), barePod('never-ready', neverReady)]);
    const pod = await cluster.api.waitFor('the pod is Ready', () => probed('fails'));
    const url = `http://${pod.addresses[0]}:8080/ready/false`;
    assert.equal((await cluster.run(pod.node, ['curl', '-sf', '-X', 'PUT', url])).exitCode, 0);
    await eventOf(pod.name, /^Readiness probe failed: HTTP probe failed with statuscode: 503/);
    await eventOf(pod.name, /^Liveness probe failed: .*NOT_SERVING/);
    await eventOf('never-ready', /^Readiness probe failed: dial tcp \S+:81: .*connection refused/);
    await cluster.api.waitFor('the pod is Ready again, its container started anew', async () => {
      return (await restartsOf(pod.name)) > 0 && probed(pod.name);
    });
    assert.equal(await probed('never-ready'), undefined);
    await cluster.api.kubectl('delete', 'pod', '-l', 'app=probed');
  });

  rootTest('kubectl exec, logs and port-forward work', async () => {
    for (const pod of await onePerNode()) {
      const { stdout } = await cluster.api.exec(pod.name, ['hostname']);
      assert.equal(stdout.trim(), pod.name);
      assert.match(await cluster.api.kubectl('logs', pod.name), /listening/);
      assert.match(await throughForwardedPort(pod.name), new RegExp(`^${pod.name} saw `));
    }
  });

  rootTest('pods in the network of their nodes are left alone', async () => {
    const pods = await readyPods(cluster, 'app=host');
    assert.deepEqual(pods, hostPods, 'the same pods with the same addresses');
    for (const { name, node, addresses } of pods) {
      assert.deepEqual(addresses, cluster.nodes.record(node).addresses);
      assert.equal(await restartsOf(name), 0);
    }
    for (const { name } of cluster.record.nodes) {
      const own = (await webPods()).filter(({ node }) => node === name);
      await cluster.api.waitFor(`${name} has endpoints for the others alone`, async () => {
        const names = own.map((pod) => `default/${pod.name}`).sort();
        return (await podsOf(cluster, name)).join() === names.join();
      });
    }
  });

  rootTest('can be switched to the overlay', async () => {
    await cluster.installHeddle({ mode: 'vxlan' });
    await cluster.api.kubectl('rollout', 'restart', 'deployment/web');
    await cluster.api.kubectl('scale', 'deployment/web', '--replicas=4');
    await cluster.api.rolledOut('deployment/web');
    const pods = await cluster.api.waitFor('four pods are left', async () => {
      const ready = await webPods();
      return ready.length === 4 && ready;
    });
    for (const { name } of cluster.record.nodes) {
      await cluster.api.waitFor(`${name} is healthy with the overlay`, async () => {
        const { stdout } = await askHeddle(cluster, name, ['status']);
        return stdout.startsWith(`${name}: healthy`) && /vxlan; .* 1450 bytes/.test(stdout);
      });
    }
    await assertEveryPairReaches(cluster, pods);
    const [from, to] = await onePerNode();
    assert(from !== undefined && to !== undefined);
    for (const address of to.addresses) {
      const url = `http://${urlHost(address)}:8080/bytes/1000000`;
      const counted = ['sh', '-c', 'podtool get "$0" | wc -c', url];
      const { stdout, stderr } = await cluster.api.exec(from.name, counted);
      assert.equal(stdout.trim(), '1000000', stderr);
    }
  });

  uninstallSuite(
    () => cluster,
    () => asBefore,
  );

  rootTest('stops without leaving anything on the machine', async () => {
    const left = Object.entries(await cluster.down()).filter(([, count]) => count > 0);
    assert.deepEqual(left, []);
    assert.deepEqual(machineTraces(name), machine);
  });

  async function probed(name: string): Promise<ReadyPod | undefined> {
    return (await readyPods(cluster, 'app=probed')).find((pod) => pod.name === name);
  }

  async function restartsOf(pod: string): Promise<number> {
    const path = 'jsonpath={.status.containerStatuses[0].restartCount}';
    return Number(await cluster.api.kubectl('get', 'pod', pod, '-o', path));
  }

  async function eventOf(pod: string, text: RegExp): Promise<void> {
    const selector = `--field-selector=involvedObject.name=${pod}`;
    await cluster.api.waitFor(`an Event of ${pod} matches ${text}`, async () => {
      const { items } = await cluster.api.get<EventList>('events', selector);
      return items.some(({ message }) => text.test(message));
    });
  }

  async function onePerNode(): Promise<readonly ReadyPod[]> {
    const pods = await webPods();
    return cluster.record.nodes.flatMap(({ name }) => pods.find(({ node }) => node === name) ?? []);
  }

  async function throughForwardedPort(pod: string): Promise<string> {
    const { place } = cluster.entry('control-plane');
    const kubectl = programPath({ folder: cluster.record.programs }, 'kubectl');
    const forward = spawnInPlace(place, [kubectl, 'port-forward', pod, '18080:8080'], {
      stdio: 'ignore',
      environment: kubectlEnvironment(cluster.paths),
    });
    try {
      return await cluster.api.waitFor('the forwarded port answers', async () => {
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

interface EventList {
  readonly items: readonly { readonly message: string }[];
}

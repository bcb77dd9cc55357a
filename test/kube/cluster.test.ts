// The test cluster itself, with the reference plugins' network: the basis of the other files in this folder.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { exitOf, spawnInPlace } from '../../src/lab/spawn.ts';
import { eventuallyDefined } from '../support/lab.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { kubectlEnvironment } from './cluster/kubectl.ts';
import { programPath } from './cluster/programs.ts';
import { assertEveryPairReaches } from './reach.ts';
import { sharedCluster } from './shared-cluster.ts';
import { readyPods, webDeployment } from './workloads.ts';

describe('a cluster with the reference plugins', () => {
  const shared = sharedCluster('bridge');
  let cluster: KubeCluster;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    await cluster.api.apply([webDeployment('web', 4)]);
    await cluster.api.rolledOut('deployment/web');
  });
  after(async () => {
    await cluster?.api.kubectl(
      'delete',
      'deployment,service',
      '-l',
      'app=web',
      '--cascade=foreground',
    );
  });

  rootTest('runs a Deployment on both nodes, HTTP, TCP and gRPC probes included', async () => {
    const pods = await readyPods(cluster, 'app=web');
    assert.equal(pods.length, 4);
    assert.deepEqual([...new Set(pods.map(({ node }) => node))].sort(), ['node-1', 'node-2']);
    for (const { addresses } of pods) assert.equal(addresses.length, 2);
  });

  rootTest('its pods reach each other in both families', async () => {
    await assertEveryPairReaches(cluster, await readyPods(cluster, 'app=web'));
  });

  rootTest('exec, logs and port-forward work', async () => {
    const [pod] = await readyPods(cluster, 'app=web');
    assert(pod !== undefined);
    const { stdout } = await cluster.api.exec(pod.name, ['hostname']);
    assert.equal(stdout.trim(), pod.name);
    assert.match(await cluster.api.kubectl('logs', pod.name), /listening/);
    const { place } = cluster.entry('control-plane');
    const kubectl = programPath({ folder: cluster.record.programs }, 'kubectl');
    const environment = kubectlEnvironment(cluster.paths);
    const forward = spawnInPlace(place, [kubectl, 'port-forward', pod.name, '18080:8080'], {
      stdio: 'ignore',
      environment,
    });
    try {
      const said = await eventuallyDefined('the forwarded port answers', async () => {
        const url = 'http://127.0.0.1:18080/';
        const asked = await cluster.run('control-plane', ['curl', '-s', '--max-time', '5', url]);
        return asked.exitCode === 0 ? asked.stdout : undefined;
      });
      assert.match(said, new RegExp(`^${pod.name} saw `));
    } finally {
      forward.kill('SIGTERM');
      await exitOf(forward);
    }
  });

  rootTest('CoreDNS answers by its pod addresses', async () => {
    const pods = await readyPods(cluster, 'app=web');
    const servers = await readyPods(cluster, 'k8s-app=kube-dns', 'kube-system');
    assert.equal(servers.length, 2);
    const name = 'kubernetes.default.svc.cluster.local.';
    for (const { name: pod } of pods) {
      for (const server of servers.flatMap(({ addresses }) => addresses)) {
        const { stdout, stderr } = await cluster.api.exec(pod, ['podtool', 'lookup', name, server]);
        assert.equal(stdout, '10.96.0.1\n', `${server}: ${stderr}`);
      }
    }
  });

  rootTest('CoreDNS answers by Service address, and Services work through kube-proxy', async () => {
    await cluster.api.kubectl('expose', 'deployment/web', '--port=80', '--target-port=8080');
    const pods = await readyPods(cluster, 'app=web');
    await cluster.api.waitFor('the Service answers by its name in every pod', async () => {
      const url = 'http://web.default.svc.cluster.local/';
      const asked = pods.map(({ name }) => cluster.api.exec(name, ['podtool', 'get', url]));
      return (await Promise.all(asked)).every(({ stdout }) => stdout.startsWith('web-'));
    });
  });
});

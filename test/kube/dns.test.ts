// Names: unchanged CoreDNS, queried by pods on both nodes. Its Service needs kube-proxy, which this cluster lacks.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { heddle } from './agents.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { sharedCluster } from './shared-cluster.ts';
import { type ReadyPod, readyPods, webDeployment } from './workloads.ts';

describe('names in a cluster without kube-proxy', () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let pods: readonly ReadyPod[];
  let servers: readonly string[];

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    await cluster.api.apply([webDeployment('asker', 2)]);
    await cluster.api.rolledOut('deployment/asker');
    pods = await readyPods(cluster, 'app=asker');
    const found = await readyPods(cluster, 'k8s-app=kube-dns', 'kube-system');
    servers = found.flatMap(({ addresses }) => addresses);
  });
  after(async () => {
    await cluster?.api.kubectl('delete', 'deployment', 'asker', '--cascade=foreground');
  });

  rootTest('CoreDNS answers pods on both nodes by its pod addresses, both families', async () => {
    assert.deepEqual(pods.map(({ node }) => node).sort(), ['node-1', 'node-2']);
    assert.equal(servers.length, 4);
    const name = 'kubernetes.default.svc.cluster.local.';
    for (const pod of pods) {
      for (const server of servers) {
        const lookup = ['podtool', 'lookup', name, server];
        const { stdout, stderr } = await cluster.api.exec(pod.name, lookup);
        assert.equal(stdout, '10.96.0.1\n', `${pod.name} on ${pod.node} asks ${server}: ${stderr}`);
      }
    }
  });

  rootTest('a name that does not exist is answered as such', async () => {
    const [pod] = pods;
    const [server] = servers;
    assert(pod !== undefined && server !== undefined);
    const lookup = ['podtool', 'lookup', 'nobody.default.svc.cluster.local.', server];
    const { exitCode, stderr } = await cluster.api.exec(pod.name, lookup);
    assert.notEqual(exitCode, 0);
    assert.match(stderr, /no such host/);
  });

  rootTest('Services are left to kube-proxy, as `heddle status` reports', async () => {
    const services = await serviceCount(cluster);
    const nobody = pods.map(async ({ name }) => {
      const { stdout } = await cluster.api.exec(name, ['cat', '/etc/resolv.conf']);
      assert.match(stdout, /^nameserver 10\.96\.0\.10$/m);
      const { exitCode } = await cluster.api.exec(name, [
        'podtool',
        'lookup',
        'kubernetes.default',
      ]);
      assert.notEqual(exitCode, 0, 'nobody carries out the Service');
    });
    await Promise.all(nobody);
    for (const { node } of pods) {
      const status = await heddle(cluster, node, ['status']);
      assert.match(status, new RegExp(`services +${services}, left to kube-proxy`));
    }
  });
});

async function serviceCount(cluster: KubeCluster): Promise<number> {
  const { items } = await cluster.api.get<ServiceList>('services', '-A');
  return items.filter(({ spec }) => spec.clusterIP !== 'None').length;
}

interface ServiceList {
  readonly items: readonly { readonly spec: { readonly clusterIP: string } }[];
}

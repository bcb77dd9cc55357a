// What tests do to a cluster - nodes that come, go, reboot and move, an API server that is away - works with the reference
// plugins, so that a failure of the same on Heddle is Heddle's.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { parseAddress } from '../../src/net/address.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { sharedCluster } from './shared-cluster.ts';
import { readyPods, webDeployment } from './workloads.ts';

describe('a cluster during operations', () => {
  const shared = sharedCluster('bridge');
  let cluster: KubeCluster;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    await cluster.api.apply([webDeployment('web', 2)]);
    await cluster.api.rolledOut('deployment/web');
  });
  after(async () => {
    await cluster?.api.kubectl('delete', 'deployment', 'web', '--cascade=foreground');
  });

  async function podsReachEachOther(count: number): Promise<void> {
    const pods = await cluster.api.waitFor(`${count} pods are Ready`, async () => {
      const ready = await readyPods(cluster, 'app=web');
      return ready.length === count && ready;
    });
    for (const from of pods) {
      // A kubelet that has just started knows its pods a little later than it is Ready.
      await cluster.api.waitFor(`${from.node} runs commands in ${from.name}`, async () => {
        return (await cluster.api.exec(from.name, ['true'])).exitCode === 0;
      });
      for (const to of pods) {
        const url = `http://${to.addresses[0]}:8080/`;
        const { stdout, stderr } = await cluster.api.exec(from.name, ['podtool', 'get', url]);
        assert.match(
          stdout,
          new RegExp(`^${to.name} saw `),
          `${from.node} to ${to.node}: ${stderr}`,
        );
      }
    }
  }

  rootTest('a node can be added, used and removed', async () => {
    const node = await cluster.nodes.add();
    assert.equal(node.name, 'node-3');
    await cluster.api.kubectl('scale', 'deployment/web', '--replicas=6');
    await cluster.api.rolledOut('deployment/web');
    assert.ok((await readyPods(cluster, 'app=web')).some(({ node: name }) => name === 'node-3'));
    await podsReachEachOther(6);
    await cluster.api.kubectl('drain', 'node-3', '--ignore-daemonsets', '--timeout=60s');
    await cluster.nodes.remove('node-3');
    const nodes = await cluster.api.kubectl('get', 'nodes', '-o', 'name');
    assert.deepEqual(nodes.trim().split('\n'), ['node/node-1', 'node/node-2']);
    await cluster.api.kubectl('scale', 'deployment/web', '--replicas=2');
    await podsReachEachOther(2);
  });

  rootTest('a rebooted node has none of its links, and its pods are restored', async () => {
    const [pod] = await readyPods(cluster, 'app=web');
    assert(pod !== undefined);
    const { node } = pod;
    const marker = ['ip', 'link', 'add', 'before', 'type', 'bridge'];
    assert.equal((await cluster.run(node, marker)).exitCode, 0);
    await cluster.nodes.reboot(node);
    const { stdout } = await cluster.run(node, ['ip', '-br', 'link']);
    assert.doesNotMatch(stdout, /before/);
    const restarts = await cluster.api.waitFor('the pod runs again', async () => {
      const path = 'jsonpath={.status.containerStatuses[0].restartCount}';
      const count = await cluster.api.kubectl('get', 'pod', pod.name, '-o', path);
      return Number(count) > 0 && count;
    });
    assert.equal(restarts, '1', 'the same pod, started again');
    await podsReachEachOther(2);
  });

  rootTest("a node's addresses can change", async () => {
    const had = cluster.nodes.record('node-2').addresses;
    const others = [parseAddress('10.200.0.102'), parseAddress('fd00:200::102')] as const;
    await cluster.nodes.setAddresses('node-2', others);
    await podsReachEachOther(2);
    await cluster.nodes.setAddresses('node-2', had);
    await podsReachEachOther(2);
  });

  rootTest('the API server can be unavailable, and etcd can lose its state', async () => {
    await cluster.stopApiServer();
    assert.notEqual((await cluster.api.tryKubectl(['get', 'nodes'])).exitCode, 0);
    assert.ok((await cluster.compactEtcd()) > 1);
    await cluster.startApiServer();
    await cluster.nodes.ready();
    await podsReachEachOther(2);
  });

  rootTest('running pods continue while containerd and kubelet restart', async () => {
    await cluster.nodes.restartContainerd('node-1');
    await cluster.nodes.restartKubelet('node-1');
    await podsReachEachOther(2);
  });
});

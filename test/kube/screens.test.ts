// What an operator sees: `kubectl exec ds/heddle -- heddle ...` shows each node with the names of its real pods.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { heddle } from './agents.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { assertEveryPairReaches } from './reach.ts';
import { sharedCluster } from './shared-cluster.ts';
import { type ReadyPod, readyPods, webDeployment } from './workloads.ts';

describe('the screens of a cluster', () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let pods: readonly ReadyPod[];

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    await cluster.api.apply([webDeployment('shown', 2)]);
    await cluster.api.rolledOut('deployment/shown');
    pods = await readyPods(cluster, 'app=shown');
    await assertEveryPairReaches(cluster, pods);
  });
  after(async () => {
    await cluster?.api.kubectl('delete', 'deployment', 'shown', '--cascade=foreground');
  });

  rootTest('`kubectl exec ds/heddle` is enough to query an agent', async () => {
    const { stdout, stderr } = await cluster.api.exec(
      'ds/heddle',
      ['heddle', 'status'],
      'kube-system',
    );
    assert.match(stdout, /^node-[12]: healthy/, stderr);
  });

  rootTest('status: both nodes are healthy and read the API server', async () => {
    for (const { name, addresses } of cluster.record.nodes) {
      const screen = await heddle(cluster, name, ['status']);
      assert.match(screen, new RegExp(`^${name}: healthy`));
      assert.match(screen, /cluster +API server .*\(2 nodes, \d+ pods\)/);
      assert.match(screen, /datapath +native; /);
      assert.ok(screen.includes(addresses.join('/24 ')), screen);
    }
  });

  rootTest("endpoints: each node's own pods and their addresses", async () => {
    for (const { name } of cluster.record.nodes) {
      const screen = await heddle(cluster, name, ['endpoints']);
      for (const pod of pods) {
        const line = screen.split('\n').find((each) => each.includes(`default/${pod.name}`));
        assert.equal(line !== undefined, pod.node === name, screen);
        for (const address of line === undefined ? [] : pod.addresses)
          assert.ok(line?.includes(address), line);
      }
    }
  });

  rootTest('nodes: every node with its addresses and pod ranges', async () => {
    const list = await cluster.api.get<NodeList>('nodes');
    for (const { name } of cluster.record.nodes) {
      const screen = await heddle(cluster, name, ['nodes']);
      for (const { metadata, spec } of list.items) {
        const words = [
          metadata.name,
          ...cluster.nodes.record(metadata.name).addresses,
          ...spec.podCIDRs,
        ];
        for (const word of words) assert.ok(screen.includes(word), `${word}: ${screen}`);
      }
    }
  });

  rootTest('flows: source and destination by name', async () => {
    for (const { name } of cluster.record.nodes) {
      const [head, ...last] = (await heddle(cluster, name, ['flows', '--last', '3']))
        .trimEnd()
        .split('\n');
      assert.match(head ?? '', /^TIME +VERDICT +FROM +TO +DETAIL/);
      assert.equal(last.length, 3);
      const [one, other] = pods;
      assert(one !== undefined && other !== undefined);
      await cluster.api.waitFor('a flow between the two pods is shown', async () => {
        const screen = await heddle(cluster, name, ['flows']);
        const between = (line: string): boolean =>
          line.includes(`default/${one.name}`) && line.includes(`default/${other.name}`);
        return screen.split('\n').some(between);
      });
    }
  });

  rootTest('maps list: every map and its fill', async () => {
    for (const { name } of cluster.record.nodes) {
      const screen = await heddle(cluster, name, ['maps', 'list']);
      for (const map of ['endpoints', 'addresses', 'routes', 'flows'])
        assert.match(screen, new RegExp(`^ *${map} `, 'm'));
    }
  });
});

interface NodeList {
  readonly items: readonly {
    readonly metadata: { readonly name: string };
    readonly spec: { readonly podCIDRs: readonly string[] };
  }[];
}

// A cloud node joins: it has no pod ranges or addresses yet, and is tainted until its provider has registered it. The
// agent runs from the beginning, reports what it waits for, and continues by itself with each step.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { agentStatus, type NodeAgentPod, notReady, readyAgent } from './agent-of-node.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import type { ClusterNodeRecord } from './cluster/record.ts';
import { answers, assertEveryPairReaches, fromPlace, urlsOf } from './reach.ts';
import { sharedCluster } from './shared-cluster.ts';
import { type ReadyPod, readyPods, webContainer } from './workloads.ts';

const cloudTaint = 'node.cloudprovider.kubernetes.io/uninitialized';
const waiting = /: has no pod ranges \(spec\.podCIDRs\): no pod can start here/;

const tolerations = [{ key: cloudTaint, operator: 'Exists' }];

function pod(name: string, node: string, more: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'default', name, labels: { app: 'joining' } },
    spec: {
      nodeSelector: { 'kubernetes.io/hostname': node },
      terminationGracePeriodSeconds: 1,
      containers: [webContainer],
      ...more,
    },
  };
}

describe('a joining node of a cloud', () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let node: ClusterNodeRecord;
  let agent: NodeAgentPod;
  let startedAt: string;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    await cluster.allocatePodRanges(false);
    node = await cluster.nodes.addOfCloud();
    const { name } = node;
    await cluster.api.apply([
      pod('old', 'node-1'),
      pod('early', name, { tolerations }),
      pod('late', name),
    ]);
  });
  after(async () => {
    await cluster?.api.kubectl('delete', 'pod', '-l', 'app=joining');
    await cluster?.allocatePodRanges(true);
    if (node !== undefined) await cluster.nodes.remove(node.name);
    await cluster?.nodes.ready();
  });

  rootTest(
    'without pod ranges waits, and reports it in status, as an Event and to the kubelet',
    async () => {
      const { name } = node;
      const object = await cluster.api.get<NodeObject>('node', name);
      assert.equal(object.spec.podCIDRs, undefined);
      assert.ok(object.spec.taints?.some(({ key }) => key === cloudTaint));
      assert.ok(!object.status.addresses?.some(({ type }) => type === 'InternalIP'));
      await cluster.api.waitFor('the agent says what it waits for', async () => {
        return waiting.test((await notReady(cluster, name)) ?? '');
      });
      const status = await agentStatus(cluster, name);
      assert.ok(status !== undefined);
      assert.match(status.health.reasons.join(), waiting);
      startedAt = status.startedAt;
      await cluster.api.waitFor('so does an Event', async () => {
        const selector = `--field-selector=reason=NoPodRanges,involvedObject.name=${name}`;
        return waiting.test(await cluster.api.kubectl('get', 'events', '-A', selector));
      });
      const { status: now } = await cluster.api.get<NodeObject>('node', name);
      const ready = now.conditions.find(({ type }) => type === 'Ready');
      assert.equal(ready?.status, 'False');
      assert.match(ready?.message ?? '', /cni plugin not initialized/);
      assert.equal(await readyAgent(cluster, name), undefined, 'nor is the agent Ready');
      const { stdout } = await cluster.run(name, ['ls', '/etc/cni/net.d']);
      assert.equal(stdout, '', 'nothing tells the runtime that there is a network');
    },
  );

  rootTest('gets its network with its pod ranges, although the taint is still there', async () => {
    const { name } = node;
    await cluster.allocatePodRanges(true);
    await cluster.nodes.ready();
    agent = await cluster.api.waitFor('the agent is Ready', () => readyAgent(cluster, name));
    assert.equal(agent.restarts, 0);
    assert.equal((await agentStatus(cluster, name))?.startedAt, startedAt, 'the same life');
    const { spec } = await cluster.api.get<NodeObject>('node', name);
    assert.ok(
      spec.taints?.some(({ key }) => key === cloudTaint),
      'which is not ours',
    );
    const early = await cluster.api.waitFor('a pod that tolerates it is Ready', () =>
      ready('early'),
    );
    assert.deepEqual(
      early.addresses.map((address) => address.replace(/[.:][^.:]*$/, '')),
      spec.podCIDRs?.map((range) => range.replace(/[.:][^.:]*$/, '')),
    );
    const said = await answers(fromPlace(cluster, name), urlsOf([early]));
    for (const text of said.values()) assert.match(text, /^early saw /);
  });

  rootTest('is reached by the others once its provider has given it addresses', async () => {
    const { name } = node;
    const addresses = node.addresses.map((address) => ({ type: 'InternalIP', address }));
    const words = ['patch', 'node', name, '--subresource=status', '--type=merge', '-p'];
    await cluster.api.kubectl(...words, JSON.stringify({ status: { addresses } }));
    await cluster.api.kubectl('taint', 'nodes', name, `${cloudTaint}-`);
    const pods = await cluster.api.waitFor('the other pods are Ready', async () => {
      const found = await readyPods(cluster, 'app=joining');
      return found.length === 3 && found;
    });
    await cluster.api.waitFor('all agents are healthy', async () => {
      const all = cluster.record.nodes.map(({ name: each }) => agentStatus(cluster, each));
      return (await Promise.all(all)).every((status) => status?.health.state === 'healthy');
    });
    await assertEveryPairReaches(cluster, pods);
    assert.equal((await readyAgent(cluster, name))?.containerId, agent.containerId);
  });

  async function ready(pod: string): Promise<ReadyPod | undefined> {
    return (await readyPods(cluster, 'app=joining')).find(({ name }) => name === pod);
  }
});

interface NodeObject {
  readonly spec: {
    readonly podCIDRs?: readonly string[];
    readonly taints?: readonly { readonly key: string }[];
  };
  readonly status: {
    readonly addresses?: readonly { readonly type: string; readonly address: string }[];
    readonly conditions: readonly {
      readonly type: string;
      readonly status: string;
      readonly message: string;
    }[];
  };
}

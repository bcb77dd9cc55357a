// The token that the kubelet mounts into an agent's pod, and renews before it expires: an agent with an expired token
// reports it, and continues with the next one without a restart.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe } from 'node:test';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { agentStatus, type NodeAgentPod, notReady, readyAgent } from './agent-of-node.ts';
import { serviceAccountToken } from './api/service-account-token.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { sharedCluster } from './shared-cluster.ts';

const node = 'node-1';
const account = { namespace: 'kube-system', name: 'heddle' } as const;

describe("an agent's token", () => {
  const shared = sharedCluster('heddle');
  let cluster: KubeCluster;
  let agent: NodeAgentPod;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    agent = await cluster.api.waitFor('the agent is Ready', () => readyAgent(cluster, node));
  });

  rootTest(
    'an expired one is reported, and the next one is used without a restart',
    async (context) => {
      const earlier = await agentStatus(cluster, node);
      const good = await token();
      const expired = /401 Unauthorized.*the agent's token expired at 2026-01-02T03:04:05\.000Z/;
      await cluster.nodes.withoutKubelet(node, async () => {
        await replaceToken(await expiredToken());
        // Open watches continue; the next ones are refused.
        await cluster.stopApiServer();
        await cluster.startApiServer();
        await cluster.api.waitFor('the agent says that its token has expired', async () => {
          const status = await agentStatus(cluster, node);
          return expired.test(status?.health.reasons.join() ?? '');
        });
        assert.equal(await notReady(cluster, node), undefined, 'what it knows stays in force');
      });
      const began = performance.now();
      // The kubelet checks a pod's volumes about every minute, and whenever the pod changes.
      const change = ['annotate', 'pod', agent.name, '-n', account.namespace, 'test=token'];
      await cluster.api.kubectl(...change);
      await cluster.api.waitFor('the kubelet has replaced the token', async () => {
        return (await token()) === good;
      });
      await cluster.api.waitFor('the agent watches again', async () => {
        const status = await agentStatus(cluster, node);
        const isWatching = status?.cluster.apiServer?.resources.every(
          ({ failing }) => failing === undefined,
        );
        return isWatching && status?.health.state === 'healthy';
      });
      context.diagnostic(`after ${((performance.now() - began) / 1000).toFixed(1)} s`);
      const later = await agentStatus(cluster, node);
      assert.equal(later?.startedAt, earlier?.startedAt);
      const same = await readyAgent(cluster, node);
      assert.deepEqual([same?.containerId, same?.restarts], [agent.containerId, agent.restarts]);
    },
  );

  async function expiredToken(): Promise<string> {
    const words = [account.name, '-n', account.namespace, '-o', 'jsonpath={.metadata.uid}'];
    const uid = await cluster.api.kubectl('get', 'serviceaccount', ...words);
    const expires = new Date('2026-01-02T03:04:05Z');
    return serviceAccountToken(join(cluster.paths.pki, 'sa.key'), { ...account, uid, expires });
  }

  // As on the node: what the kubelet mounts into the pod.
  const pattern = (): string =>
    `/var/lib/kubelet/pods/${agent.uid}/volumes/kubernetes.io~projected/kube-api-access-*/..data/token`;

  async function token(): Promise<string> {
    const { stdout, stderr } = await cluster.run(node, ['sh', '-c', `cat ${pattern()}`]);
    assert.equal(stderr, '');
    return stdout;
  }

  async function replaceToken(text: string): Promise<void> {
    const script = `printf %s "$0" >${pattern()}`;
    const { exitCode, stderr } = await cluster.run(node, ['bash', '-c', script, text]);
    assert.equal(exitCode, 0, stderr);
  }
});

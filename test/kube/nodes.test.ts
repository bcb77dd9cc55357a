// Nodes that are added, removed, rebooted, moved and given other pod ranges: the others follow, and nothing stale stays
// anywhere.

import assert from 'node:assert/strict';
import { after, before, describe } from 'node:test';
import type { EndpointView } from '../../src/api/endpoints.ts';
import type { NodeStatus } from '../../src/api/status.ts';
import { parseAddress } from '../../src/net/address.ts';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { linesWith } from './lines-with.ts';
import { assertEveryPairReaches } from './reach.ts';
import { sharedCluster } from './shared-cluster.ts';
import { tracesOn } from './traces.ts';
import { type ReadyPod, readyPods, webDeployment } from './workloads.ts';

const replicas = 4;

describe('a cluster whose nodes change', () => {
  const shared = sharedCluster('heddle', 'rough');
  let cluster: KubeCluster;

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = shared();
    await cluster.api.apply([webDeployment('web', replicas)]);
    await cluster.api.rolledOut('deployment/web');
  });
  after(async () => {
    await cluster?.api.kubectl('delete', 'deployment', 'web', '--ignore-not-found');
  });

  for (const [mode, last] of [
    ['vxlan', 100],
    ['native', 150],
  ] as const) {
    rootTest(`${mode}: all nodes get it by one change of the configuration`, async () => {
      await cluster.installHeddle({ mode });
      await everyNodeIsSound();
      await everyPodReachesEveryPod(replicas);
      for (const { name } of cluster.record.nodes) {
        const { links = [] } = await tracesOn(cluster, name);
        assert.equal(links.includes('heddle_vxlan:'), mode === 'vxlan', links.join());
      }
    });

    rootTest(`${mode}: an added node is reached, and a removed one forgotten`, async () => {
      const others = cluster.record.nodes.map(({ name }) => name);
      const { name, addresses } = await cluster.nodes.add();
      await cluster.api.kubectl('scale', 'deployment/web', `--replicas=${replicas + 2}`);
      await cluster.api.rolledOut('deployment/web');
      const pods = await everyPodReachesEveryPod(replicas + 2);
      assert.ok(pods.some(({ node }) => node === name));
      const words = [...addresses, ...(await podRangesOf(name)).map(withoutLength)];
      for (const other of others) {
        for (const word of words) {
          const lines = await linesWith(cluster, other, [word]);
          assert.ok(lines.length > 0, `${other} knows ${word}`);
        }
      }
      await cluster.api.kubectl('drain', name, '--ignore-daemonsets', '--timeout=60s');
      await cluster.nodes.remove(name);
      await cluster.api.kubectl('scale', 'deployment/web', `--replicas=${replicas}`);
      for (const other of others) await forgotten(other, words);
      await everyNodeIsSound();
      await everyPodReachesEveryPod(replicas);
    });

    rootTest(`${mode}: nodes whose addresses change are followed and follow`, async () => {
      const had = cluster.record.nodes.flatMap(({ addresses }) => addresses);
      // The second changes while the connection that the first one's agent has to the API server is dead.
      for (const [index, name] of ['node-2', 'node-1'].entries()) {
        const number = last + index;
        const addresses = [
          parseAddress(`10.200.0.${number}`),
          parseAddress(`fd00:200::${number}`),
        ] as const;
        await cluster.nodes.setAddresses(name, addresses);
      }
      for (const { name } of cluster.record.nodes) await forgotten(name, had);
      await everyNodeIsSound();
      await everyPodReachesEveryPod(replicas);
    });
  }

  rootTest('a rebooted node has its pods back, and nothing stale', async () => {
    await cluster.nodes.reboot('node-2');
    await everyNodeIsSound();
    await everyPodReachesEveryPod(replicas);
  });

  rootTest(
    'a node that returns with other pod ranges uses them, and names its earlier pods',
    async () => {
      const before = (await everyPodReachesEveryPod(replicas)).filter(
        ({ node }) => node === 'node-2',
      );
      const old = (await podRangesOf('node-2')).map(withoutLength);
      const podCIDRs = ['10.201.77.0/24', 'fd00:201:0:77::/64'];
      await cluster.api.kubectl('delete', 'node', 'node-2');
      await cluster.api.apply([
        {
          apiVersion: 'v1',
          kind: 'Node',
          metadata: {
            name: 'node-2',
            labels: { 'kubernetes.io/hostname': 'node-2', 'kubernetes.io/os': 'linux' },
          },
          spec: { podCIDR: podCIDRs[0], podCIDRs },
        },
      ]);
      // The kubelet finds it again by itself; one that starts now may end the pods that run.
      await cluster.nodes.ready();
      await forgotten('node-1', old);
      const names = before.map(({ name }) => `default/${name}`);
      await cluster.api.waitFor('the agent names the pods of before', async () => {
        const status = await ask<NodeStatus>('node-2', 'status');
        const text = status?.health.reasons.join() ?? '';
        return (
          /pods have addresses outside its pod ranges/.test(text) &&
          names.every((name) => text.includes(name))
        );
      });
      await cluster.api.waitFor('so does an Event', async () => {
        const events = await cluster.api.kubectl(
          'get',
          'events',
          '-A',
          '--field-selector=reason=PodsOutsidePodRanges',
        );
        return names.every((name) => events.includes(name));
      });
      await assertEveryPairReaches(cluster, before);
      await cluster.api.kubectl('delete', 'pod', ...before.map(({ name }) => name));
      await cluster.api.rolledOut('deployment/web');
      await everyNodeIsSound();
      const pods = await everyPodReachesEveryPod(replicas);
      const moved = pods
        .filter(({ node }) => node === 'node-2')
        .flatMap(({ addresses }) => addresses);
      assert.ok(moved.length > 0);
      for (const address of moved) assert.match(address, /^(10\.201\.77\.|fd00:201:0:77::)/);
      await forgotten('node-2', old);
    },
  );

  /** Sorted by name. */
  async function everyPodReachesEveryPod(count: number): Promise<readonly ReadyPod[]> {
    const pods = await cluster.api.waitFor(`${count} pods are Ready`, async () => {
      const ready = await readyPods(cluster, 'app=web');
      return ready.length === count && ready;
    });
    await assertEveryPairReaches(cluster, pods);
    return pods;
  }

  // Healthy, every table as it should be, and on the node as many links, records and entries as there are pods.
  async function everyNodeIsSound(): Promise<void> {
    for (const { name } of cluster.record.nodes) {
      await cluster.api.waitFor(`${name} is healthy`, async () => {
        const status = await ask<NodeStatus>(name, 'status');
        const isApplied = status?.tables.every(({ desired, applied }) => desired === applied);
        return status?.health.state === 'healthy' && isApplied;
      });
      await cluster.api.waitFor(`${name} has what its pods need and no more`, async () => {
        const endpoints = (await ask<readonly EndpointView[]>(name, 'endpoints')) ?? [];
        const pods = (await readyPods(cluster, 'app=web')).filter(({ node }) => node === name);
        const { links = [], neighbours = [], files = [] } = await tracesOn(cluster, name);
        const counts = [
          links.filter((link) => !link.startsWith('heddle')).length,
          neighbours.length / 2,
          files.filter((file) => file.startsWith('/var/lib/heddle/endpoints/')).length,
        ];
        // With the addresses: for a moment after a reboot the API server has those of before.
        const served = endpoints.map(({ pod, addresses }) => `${pod?.name} ${addresses}`).sort();
        const wanted = pods.map((pod) => `${pod.name} ${pod.addresses}`).sort();
        return served.join() === wanted.join() && counts.every((found) => found === pods.length);
      });
    }
  }

  async function forgotten(node: string, words: readonly string[]): Promise<void> {
    let lines: readonly string[] = [];
    const isForgotten = async (): Promise<boolean> => {
      lines = await linesWith(cluster, node, words);
      return lines.length === 0;
    };
    try {
      await cluster.api.waitFor(`${node} has forgotten ${words.join(', ')}`, isForgotten);
    } catch (cause) {
      throw new Error(`${node} still has: ${lines.join('\n')}`, { cause });
    }
  }

  // Undefined while no agent answers.
  async function ask<Answer>(node: string, what: string): Promise<Answer | undefined> {
    const { exitCode, stdout } = await cluster.run(node, [
      'curl',
      '-sS',
      '--unix-socket',
      '/run/heddle/agent.sock',
      `http://heddle/v1/${what}`,
    ]);
    return exitCode === 0 ? (JSON.parse(stdout) as Answer) : undefined;
  }

  async function podRangesOf(name: string): Promise<readonly string[]> {
    const path = 'jsonpath={.spec.podCIDRs[*]}';
    return (await cluster.api.kubectl('get', 'node', name, '-o', path)).split(' ');
  }
});

function withoutLength(prefix: string): string {
  return prefix.replace(/\/.*/, '');
}

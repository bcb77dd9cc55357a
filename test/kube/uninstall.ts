// The ways to uninstall of docs/install.md, and the installation again: nothing of Heddle stays on a node, and settings
// that it changed are restored. The manifests are uninstalled, the Helm chart is installed unchanged, finds the API
// server by its Service, and is uninstalled again.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { rootTest } from '../support/root-test.ts';
import { agentStatus } from './agent-of-node.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { nodeCgroupPath } from './cluster/node-root.ts';
import { helm } from './helm.ts';
import { assertEveryPairReaches } from './reach.ts';
import { surroundings, tracesOn } from './traces.ts';
import { type ReadyPod, readyPods } from './workloads.ts';

const manifests = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url));
const chart = fileURLToPath(new URL('../../../deploy/helm/heddle', import.meta.url));
const system = ['-n', 'kube-system'] as const;

/** The earlier state of a node: `surroundings` by node. */
export type NodeSurroundings = ReadonlyMap<string, readonly string[]>;

/** Turns forwarding off, waits for kube-proxy, and returns the state that an uninstall must restore. */
export async function surroundingsBefore(cluster: KubeCluster): Promise<NodeSurroundings> {
  const found = new Map<string, readonly string[]>();
  for (const { name } of cluster.record.nodes) {
    const off =
      'for each in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 0 >/proc/sys/net/$each; done';
    await cluster.run(name, ['sh', '-c', off]);
    await cluster.api.waitFor(`kube-proxy of ${name} has written what it has to`, async () => {
      const { stdout } = await cluster.run(name, ['nft', 'list', 'table', 'ip', 'kube-proxy']);
      return stdout.includes('10.96.0.1');
    });
    found.set(name, await surroundings(cluster, name));
  }
  return found;
}

/** Tests for the end of a `describe` whose cluster has Heddle by the manifests, kube-proxy, and a Deployment `web` of four pods. */
export function uninstallSuite(cluster: () => KubeCluster, asBefore: () => NodeSurroundings): void {
  let lost: readonly ReadyPod[] = [];

  rootTest('has something of each kind on every node while it is installed', async () => {
    for (const { name } of cluster().record.nodes) {
      const kinds = Object.keys(await tracesOn(cluster(), name)).sort();
      assert.deepEqual(kinds, [
        'attachments',
        'cni',
        'files',
        'folders',
        'links',
        'neighbours',
        'nextHops',
        'nftables',
        'pins',
        'routes',
      ]);
    }
  });

  rootTest('has nothing of it afterwards, and nodes that are not Ready', async () => {
    lost = await webPods();
    await takeOff();
    const files = ['uninstall.yaml', 'heddle.yaml'].flatMap((file) => [
      '-f',
      `${manifests}${file}`,
    ]);
    await cluster().api.kubectl('delete', '--ignore-not-found', ...files);
    await assertClean();
  });

  rootTest(
    'can be installed again by the chart: its pods are replaced and reach each other',
    async () => {
      // The node's own part of this machine's cgroups; nothing else is configured.
      const set = ['--set', `config.cgroupRoot=${nodeCgroupPath}`];
      await helm(cluster(), 'install', 'heddle', chart, ...system, ...set, '--wait');
      await cluster().nodes.ready();
      await cluster().api.kubectl('rollout', 'restart', 'deployment/web');
      await cluster().api.rolledOut('deployment/web');
      const pods = await cluster().api.waitFor('the pods of before are gone', async () => {
        const ready = await webPods();
        return ready.length === 4 && ready;
      });
      const uids = new Set(lost.map(({ uid }) => uid));
      assert.ok(pods.every(({ uid }) => !uids.has(uid)));
      await assertEveryPairReaches(cluster(), pods);
      for (const { name } of cluster().record.nodes) {
        const { links = [], files = [] } = await tracesOn(cluster(), name);
        const own = pods.filter(({ node }) => node === name);
        assert.equal(links.length, own.length, `${name}: ${links.join(' ')}`);
        assert.equal(files.filter((file) => file.includes('/endpoints/')).length, own.length);
        const status = await agentStatus(cluster(), name);
        assert.equal(status?.cluster.apiServer?.server, 'https://10.96.0.1', 'of its Service');
      }
    },
  );

  rootTest('has nothing of the chart either after it is uninstalled', async () => {
    await cluster().api.kubectl('delete', 'deployment', 'web', '--cascade=foreground');
    await takeOff();
    const file = `${manifests}uninstall.yaml`;
    await cluster().api.kubectl('delete', '--ignore-not-found', '-f', file);
    await helm(cluster(), 'uninstall', 'heddle', ...system);
    await assertClean();
  });

  /** The common part of both ways: the agents are deleted, and everything of them on the nodes. */
  async function takeOff(): Promise<void> {
    await cluster().api.kubectl(...system, 'delete', 'daemonset', 'heddle');
    await cluster().api.apply(readFileSync(`${manifests}uninstall.yaml`, 'utf8'));
    await cluster().api.rolledOut('daemonset/heddle-uninstall', 'kube-system');
    const label = ['-l', 'app.kubernetes.io/name=heddle-uninstall', '-c', 'uninstall'];
    const said = await cluster().api.kubectl(...system, 'logs', ...label);
    assert.equal(said.match(/pinned programs/g)?.length, 2, said);
  }

  async function assertClean(): Promise<void> {
    for (const { name } of cluster().record.nodes) {
      assert.deepEqual(await tracesOn(cluster(), name), {}, name);
      assert.deepEqual(await surroundings(cluster(), name), asBefore().get(name), name);
    }
    await cluster().api.waitFor('no node is Ready', async () => {
      const path = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
      const text = await cluster().api.kubectl('get', 'nodes', '-o', `jsonpath=${path}`);
      return text === 'False False';
    });
    const objects = 'daemonset,configmap,secret,serviceaccount,clusterrole,clusterrolebinding';
    const policies = 'validatingadmissionpolicy,validatingadmissionpolicybinding';
    const kept = await cluster().api.kubectl('get', `${objects},${policies}`, '-A', '-o', 'name');
    assert.doesNotMatch(kept, /heddle/);
  }

  function webPods(): Promise<readonly ReadyPod[]> {
    return readyPods(cluster(), 'app=web');
  }
}

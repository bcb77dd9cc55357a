// The way out of docs/install.md, and back in: nothing of Heddle stays on a node, and what it changed is as before.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe } from 'node:test';
import { fileURLToPath } from 'node:url';
import { reasonToSkip, rootTest } from '../support/root-test.ts';
import { KubeCluster } from './cluster/cluster.ts';
import { assertEveryPairReaches } from './reach.ts';
import { testClusterName } from './shared-cluster.ts';
import { surroundings, tracesOn } from './traces.ts';
import { type ReadyPod, readyPods, webDeployment } from './workloads.ts';

const manifests = fileURLToPath(new URL('../../../deploy/kubernetes/', import.meta.url));
const system = ['-n', 'kube-system'] as const;

describe('a cluster that Heddle is taken off', () => {
  let cluster: KubeCluster;
  let lost: readonly ReadyPod[];
  const asBefore = new Map<string, readonly string[]>();

  before(async () => {
    if (reasonToSkip() !== undefined) return;
    cluster = await KubeCluster.up({ name: testClusterName(), cni: 'none', dns: false });
    for (const { name } of cluster.record.nodes) {
      const off =
        'for each in ipv4/ip_forward ipv6/conf/all/forwarding; do echo 0 >/proc/sys/net/$each; done';
      await cluster.run(name, ['sh', '-c', off]);
      asBefore.set(name, await surroundings(cluster, name));
    }
    await cluster.installHeddle();
    await cluster.nodesReady();
    await cluster.apply([webDeployment('web', 4)]);
    await cluster.rolledOut('deployment/web');
    lost = await webPods();
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
  });

  rootTest('has something of each kind on every node while it is there', async () => {
    for (const { name } of cluster.record.nodes) {
      const kinds = Object.keys(await tracesOn(cluster, name)).sort();
      assert.deepEqual(kinds, [
        'attachments',
        'cni',
        'files',
        'folders',
        'links',
        'neighbours',
        'nftables',
        'pins',
        'routes',
      ]);
    }
  });

  rootTest('has nothing of it afterwards, and nodes that are not Ready', async () => {
    await cluster.kubectl(...system, 'delete', 'daemonset', 'heddle');
    await cluster.apply(readFileSync(`${manifests}uninstall.yaml`, 'utf8'));
    await cluster.rolledOut('daemonset/heddle-uninstall', 'kube-system');
    const label = ['-l', 'app.kubernetes.io/name=heddle-uninstall', '-c', 'uninstall'];
    const said = await cluster.kubectl(...system, 'logs', ...label);
    assert.equal(said.match(/interfaces/g)?.length, 2, said);
    const files = ['uninstall.yaml', 'heddle.yaml'].flatMap((file) => [
      '-f',
      `${manifests}${file}`,
    ]);
    await cluster.kubectl('delete', '--ignore-not-found', ...files);
    for (const { name } of cluster.record.nodes) {
      assert.deepEqual(await tracesOn(cluster, name), {}, name);
      assert.deepEqual(await surroundings(cluster, name), asBefore.get(name), name);
    }
    await cluster.waitFor('no node is Ready', async () => {
      const path = '{.items[*].status.conditions[?(@.type=="Ready")].status}';
      const text = await cluster.kubectl('get', 'nodes', '-o', `jsonpath=${path}`);
      return text === 'False False';
    });
    const objects = 'daemonset,configmap,serviceaccount,clusterrole,clusterrolebinding';
    const policies = 'validatingadmissionpolicy,validatingadmissionpolicybinding';
    const kept = await cluster.kubectl('get', `${objects},${policies}`, '-A', '-o', 'name');
    assert.doesNotMatch(kept, /heddle/);
  });

  rootTest('can have it again: its pods are replaced and reach each other', async () => {
    await cluster.installHeddle();
    await cluster.nodesReady();
    await cluster.kubectl('rollout', 'restart', 'deployment/web');
    await cluster.rolledOut('deployment/web');
    const pods = await cluster.waitFor('the pods of before are gone', async () => {
      const ready = await webPods();
      return ready.length === 4 && ready;
    });
    const uids = new Set(lost.map(({ uid }) => uid));
    assert.ok(pods.every(({ uid }) => !uids.has(uid)));
    await assertEveryPairReaches(cluster, pods);
    for (const { name } of cluster.record.nodes) {
      const { links = [], files = [] } = await tracesOn(cluster, name);
      const own = pods.filter(({ node }) => node === name);
      assert.equal(links.length, own.length, `${name}: ${links.join(' ')}`);
      assert.equal(files.filter((file) => file.includes('/endpoints/')).length, own.length);
    }
  });

  function webPods(): Promise<readonly ReadyPod[]> {
    return readyPods(cluster, 'app=web');
  }
});

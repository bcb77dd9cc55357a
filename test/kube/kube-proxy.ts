// The real kube-proxy on every node of a cluster that has none: started in a mode, and removed with everything that it
// wrote.

import assert from 'node:assert/strict';
import type { KubeCluster } from './cluster/cluster.ts';
import { daemonOf } from './cluster/node.ts';
import { nodeProgramsPath } from './cluster/node-root.ts';
import { stopDaemon } from './cluster/processes.ts';
import type { ClusterRecord } from './cluster/record.ts';
import { kubeProxyRights, startKubeProxy } from './cluster/reference-cni.ts';

export type KubeProxyMode = NonNullable<ClusterRecord['kubeProxy']>;

/** Replaces a running kube-proxy, of which nothing stays. */
export async function runKubeProxy(cluster: KubeCluster, mode: KubeProxyMode): Promise<void> {
  await removeKubeProxy(cluster);
  await cluster.api.apply([kubeProxyRights]);
  for (const { name } of cluster.record.nodes) startKubeProxy(cluster.paths, name, mode);
}

export async function removeKubeProxy(cluster: KubeCluster): Promise<void> {
  for (const { name } of cluster.record.nodes) {
    await stopDaemon(cluster.paths, daemonOf(name, 'kube-proxy'));
    const cleanup = [`${nodeProgramsPath}/kube-proxy`, '--cleanup'];
    const { exitCode, stderr } = await cluster.run(name, cleanup);
    assert.equal(exitCode, 0, `kube-proxy --cleanup on ${name}: ${stderr}`);
  }
}

// Everything that pods can leave on a node of the test cluster: objects of Heddle and of the container runtime.
// Compared before and after.

import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { cgroupMount } from '../../src/lab/cgroup.ts';
import { foldersBelow } from '../support/folders-below.ts';
import { nodeInventory } from '../support/node-inventory.ts';
import { nodeCgroup } from './cluster/cgroups.ts';
import type { KubeCluster } from './cluster/cluster.ts';
import { daemonOf } from './cluster/node.ts';
import { containerdSocket } from './cluster/node-files.ts';
import { clusterNamespacePath } from './cluster/paths.ts';
import { daemonIdentity } from './cluster/processes.ts';

/** Existing objects by kind, each under a name that stays the same as long as the object exists. */
export type NodeRemains = Readonly<Record<string, readonly string[]>>;

/** By node. Throws an Error if a node has no agent's maps. */
export async function clusterRemains(
  cluster: KubeCluster,
): Promise<Readonly<Record<string, NodeRemains>>> {
  const names = cluster.record.nodes.map(({ name }) => name);
  const all = names.map(async (name) => [name, await nodeRemains(cluster, name)] as const);
  return Object.fromEntries(await Promise.all(all));
}

/**
 * Waits: interfaces and cgroups are deleted some time after their pods, and kubelets remove ended containers once a
 * minute.
 * @param but kinds that are not compared
 */
export async function assertNothingNew(
  cluster: KubeCluster,
  before: Readonly<Record<string, NodeRemains>>,
  but: readonly string[] = [],
): Promise<void> {
  const found = async (): Promise<string> => newThings(before, await clusterRemains(cluster), but);
  const isClean = async (): Promise<boolean> => (await found()) === '';
  try {
    await cluster.api.waitFor('the nodes are as before', isClean, 120_000);
  } catch (cause) {
    const left = await found();
    assert.equal(left, '', `left on the nodes:\n${left}\n${cause}`);
  }
}

/** `37 links, 40 addresses, ...` */
export function countText(remains: NodeRemains): string {
  return Object.entries(remains)
    .map(([kind, list]) => `${list.length} ${kind}`)
    .join(', ');
}

async function nodeRemains(cluster: KubeCluster, node: string): Promise<NodeRemains> {
  const folder = cluster.nodes.folder(node);
  using namespace = NetworkNamespace.open(clusterNamespacePath(cluster.paths, node));
  const inventory = nodeInventory({
    namespace,
    pinDir: join(viewOf(cluster, node), 'sys/fs/bpf/heddle'),
    stateDir: join(folder, 'var/lib/heddle'),
  });
  const { links, addresses, routes, neighbours, maps, parameters, pins } = inventory;
  // Flows expire on their own; they belong to no pod.
  const { flows: _, 'counters in use': counters = [], ...podMaps } = maps;
  const entries = Object.entries(podMaps);
  return {
    links,
    addresses,
    routes,
    neighbours,
    parameters,
    pins,
    'lines of nftables': inventory.nft.split('\n'),
    'map entries': entries.flatMap(([map, keys]) => keys.map((key) => `${map} ${key}`)),
    counters,
    'IPAM records': filesBelow(join(folder, 'var/lib/heddle/endpoints')),
    'pod namespaces': filesBelow(join(folder, 'run/netns')),
    'pod folders': filesBelow(join(folder, 'var/lib/kubelet/pods')),
    cgroups: podCgroups(cluster, node),
    containers: await runtimeList(cluster, node, ['containers', 'ls', '-q']),
    tasks: await runtimeList(cluster, node, ['tasks', 'ls', '-q']),
  };
}

// The node's own files, including its mounts.
function viewOf(cluster: KubeCluster, node: string): string {
  const holder = daemonIdentity(cluster.paths, daemonOf(node, 'root'));
  assert(holder !== undefined, `${node} is not running`);
  return `/proc/${holder.pid}/root`;
}

function filesBelow(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder).sort() : [];
}

function podCgroups(cluster: KubeCluster, node: string): readonly string[] {
  const below = foldersBelow(nodeCgroup(cluster.paths, node));
  return below.map((path) => path.slice(cgroupMount().length));
}

async function runtimeList(
  cluster: KubeCluster,
  node: string,
  words: readonly string[],
): Promise<readonly string[]> {
  const command = ['ctr', '-a', containerdSocket, '-n', 'k8s.io', ...words];
  const { exitCode, stdout, stderr } = await cluster.run(node, command);
  assert.equal(exitCode, 0, stderr);
  return stdout.split('\n').filter(Boolean).sort();
}

function newThings(
  before: Readonly<Record<string, NodeRemains>>,
  after: Readonly<Record<string, NodeRemains>>,
  but: readonly string[],
): string {
  const lines = Object.entries(after).flatMap(([node, remains]) =>
    Object.entries(remains).flatMap(([kind, list]) => {
      if (but.includes(kind)) return [];
      const known = new Set(before[node]?.[kind]);
      return list.filter((each) => !known.has(each)).map((each) => `${node}: ${kind}: ${each}`);
    }),
  );
  return lines.join('\n');
}

// The cgroups of a cluster: a folder with its name in the version 2 tree and, if version 1 is also mounted, in each of
// its hierarchies, with one folder per node below. They show to which node a process belongs, also after its parent has
// ended.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cgroupMount, killCgroup, removeCgroup } from '../../../src/lab/cgroup.ts';
import type { ClusterPaths } from './paths.ts';

/**
 * In version 2, a folder with limits in its children may hold no process itself: the node's own processes are in this
 * child.
 */
const daemons = 'daemons';

/** The cgroup of a node's containerd and kubelet, and of other daemons of the node. */
export function daemonCgroup(paths: ClusterPaths, node: string): string {
  return join(cgroupMount(), paths.cgroupName, node, daemons);
}

/** The node's part of the version 2 tree. */
export function nodeCgroup(paths: ClusterPaths, node: string): string {
  return join(cgroupMount(), paths.cgroupName, node);
}

/** The kubelet's `cgroupRoot`. */
export function cgroupRoot(paths: ClusterPaths, node: string): string {
  return `/${paths.cgroupName}/${node}`;
}

/** A plain folder for processes that no kubelet manages. */
export function makeDaemonCgroup(paths: ClusterPaths, name: string): void {
  mkdirSync(join(cgroupMount(), paths.cgroupName, name), { recursive: true });
}

/** A node's folders in every hierarchy, with the settings that a kubelet expects at a machine's root. */
export function makeNodeCgroups(paths: ClusterPaths, node: string): void {
  for (const mount of versionOneMounts()) {
    makeVersionOne(mount, paths.cgroupName);
    makeVersionOne(mount, join(paths.cgroupName, node));
  }
  delegateControllers(cgroupMount());
  mkdirSync(join(cgroupMount(), paths.cgroupName), { recursive: true });
  delegateControllers(join(cgroupMount(), paths.cgroupName));
  mkdirSync(daemonCgroup(paths, node), { recursive: true });
  delegateControllers(nodeCgroup(paths, node));
}

/** Sends SIGKILL to every process of the node, or of the whole cluster, and removes the folders. */
export async function removeCgroups(paths: ClusterPaths, node = ''): Promise<void> {
  const below = join(paths.cgroupName, node);
  await killCgroup(join(cgroupMount(), below));
  for (const path of [cgroupMount(), ...versionOneMounts()].map((mount) => join(mount, below))) {
    await removeSoon(path);
  }
}

/** The cluster's existing folders in all hierarchies. */
export function cgroupFolders(paths: ClusterPaths): readonly string[] {
  return [cgroupMount(), ...versionOneMounts()]
    .map((mount) => join(mount, paths.cgroupName))
    .filter(existsSync);
}

function versionOneMounts(): readonly string[] {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return mounts.flatMap((line) => {
    const [, directory, type] = line.split(' ');
    return type === 'cgroup' && directory !== undefined ? [directory] : [];
  });
}

// A new cpuset has no processors until they are set, and accepts no process before (cpuset(7)).
function makeVersionOne(mount: string, below: string): void {
  const path = join(mount, below);
  mkdirSync(path, { recursive: true });
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    const own = join(path, file);
    if (existsSync(own)) writeFileSync(own, readFileSync(join(path, '..', file)));
  }
}

function delegateControllers(path: string): void {
  const controllers = readFileSync(join(path, 'cgroup.controllers'), 'utf8').trim();
  if (controllers === '') return;
  const words = controllers.split(' ').map((name) => `+${name}`);
  writeFileSync(join(path, 'cgroup.subtree_control'), words.join(' '));
}

// A version 1 folder stays busy for a moment after the end of its last process.
async function removeSoon(path: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    try {
      return removeCgroup(path);
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

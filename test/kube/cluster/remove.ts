// Removes a cluster. It needs only the name, so it also works after the creator was killed.

import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NetworkNamespace } from '../../../src/kernel/namespace.ts';
import { isAlive } from '../../../src/lab/record.ts';
import { cgroupFolders, removeCgroups } from './cgroups.ts';
import { type ClusterPaths, clusterPaths } from './paths.ts';
import { clusterNames, readClusterRecord } from './record.ts';

/** Counts of everything that a removed cluster left behind; all should be zero. */
export interface Leftovers {
  readonly processes: number;
  readonly mounts: number;
  readonly namespaces: number;
  readonly cgroups: number;
  readonly pins: number;
  readonly files: number;
}

/** Ends all processes and removes mounts, namespaces, cgroups and files. Missing ones are fine. */
export async function removeCluster(name: string): Promise<Leftovers> {
  const paths = clusterPaths(name);
  // The nodes' mounts, pod namespaces and pins are in mount namespaces that end with the last process.
  await removeCgroups(paths);
  if (existsSync(paths.namespaces)) {
    for (const file of readdirSync(paths.namespaces))
      NetworkNamespace.remove(join(paths.namespaces, file));
  }
  rmSync(paths.directory, { recursive: true, force: true });
  return untilReaped(name);
}

/** Removes clusters whose owner is dead; returns their names. */
export async function removeDeadClusters(): Promise<readonly string[]> {
  const dead = clusterNames().filter((name) => {
    const owner = readClusterRecord(name)?.owner;
    return owner !== undefined && !isAlive(owner);
  });
  for (const name of dead) await removeCluster(name);
  return dead;
}

// The new parent of the ended processes takes a moment to reap them.
async function untilReaped(name: string): Promise<Leftovers> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const traces = countTraces(name);
    if (traces.processes === 0 || Date.now() > deadline) return traces;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Everything on this machine with the cluster's name. */
export function countTraces(name: string): Leftovers {
  const paths = clusterPaths(name);
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const own = mounts.filter((line) => line.includes(`${paths.directory}/`));
  return {
    processes: processesOf(paths).length,
    mounts: own.length,
    namespaces: own.filter((line) => line.startsWith('nsfs ')).length,
    cgroups: cgroupFolders(paths).length,
    pins: existsSync(`/sys/fs/bpf/${paths.cgroupName}`) ? 1 : 0,
    files: existsSync(paths.directory) ? 1 : 0,
  };
}

/** `PID NAME STATE` of processes in the cluster's cgroups, or with its folder in the command line. */
export function processesOf({ cgroupName, directory }: ClusterPaths): readonly string[] {
  const processes = readdirSync('/proc').filter((each) => /^\d+$/.test(each));
  return processes.flatMap((pid) => {
    const groups = textOf(`/proc/${pid}/cgroup`);
    const isOurs =
      groups.includes(`/${cgroupName}/`) ||
      textOf(`/proc/${pid}/cmdline`).includes(`${directory}/`);
    const [, name, state] = /\((.*)\) (\S)/.exec(textOf(`/proc/${pid}/stat`)) ?? [];
    return isOurs && state !== undefined ? [`${pid} ${name} ${state}`] : [];
  });
}

// The process may end during the check.
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

// Objects on this machine, outside of a cluster's own namespaces, before it is created and after it is removed.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { foldersBelow } from '../support/folders-below.ts';
import { hostNetwork } from '../support/leftovers.ts';

/**
 * Objects that a cluster could leave on the machine. Other clusters may run at the same time: their objects have their
 * names.
 */
export function machineTraces(name: string): object {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  return {
    network: hostNetwork(),
    mounts: mounts.filter((line) => line.includes(`/${name}`)),
    cgroups: foldersBelow('/sys/fs/cgroup').filter((path) => path.includes(name)),
    clusters: existing('/var/lib/heddle-kube').filter((each) => each === name),
    pins: existing('/sys/fs/bpf').filter((each) => each.includes(name)),
    // Pods' namespaces have their names in their node's own /run.
    namespaces: existing('/run/netns').filter((each) => each.startsWith('cni-')),
  };
}

function existing(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

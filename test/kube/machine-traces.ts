// What is on this machine, outside of a cluster's own namespaces, before it is made and after it is gone.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { hostNetwork } from '../support/leftovers.ts';

/** What a cluster could leave on the machine. Others may run beside it: what is theirs carries their names. */
export function machineTraces(name: string): object {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n');
  const cgroups = readdirSync('/sys/fs/cgroup', { recursive: true, encoding: 'utf8' });
  return {
    network: hostNetwork(),
    mounts: mounts.filter((line) => line.includes(`/${name}`)),
    cgroups: cgroups.filter((path) => path.includes(name)),
    clusters: existing('/var/lib/heddle-kube').filter((each) => each === name),
    pins: existing('/sys/fs/bpf').filter((each) => each.includes(name)),
    // Pods' namespaces are named in their node's own /run.
    namespaces: existing('/run/netns').filter((each) => each.startsWith('cni-')),
  };
}

function existing(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

// The paths of a cluster's files: all of them derive from the cluster's name, so that `down` can remove a cluster whose
// creator was killed, and several clusters can exist at once.

import { join } from 'node:path';
import { InputError } from '../../../src/base/input-error.ts';

/** Not below /run: containerd's images are a few hundred megabytes per node. */
export const clustersDirectory = '/var/lib/heddle-kube';

export interface ClusterPaths {
  /** Holds everything else; created first and removed last. */
  readonly directory: string;
  readonly record: string;
  /** Bind mounts of network namespaces, one file each. */
  readonly namespaces: string;
  readonly pki: string;
  /** One log per daemon. */
  readonly logs: string;
  /** One file per daemon that should run, with its process id. */
  readonly processes: string;
  readonly nodes: string;
  readonly adminConfig: string;
  /** The folder's name below every cgroup mount. */
  readonly cgroupName: string;
}

/** Throws InputError unless `name` can be part of paths. */
export function parseClusterName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/.test(name)) return name;
  const rule = 'is not a name of 1 to 32 lower-case letters, digits and inner hyphens';
  throw new InputError({ object: 'cluster name', value: name, rule });
}

export function clusterPaths(name: string): ClusterPaths {
  const directory = join(clustersDirectory, name);
  return {
    directory,
    record: join(directory, 'cluster.json'),
    namespaces: join(directory, 'netns'),
    pki: join(directory, 'pki'),
    logs: join(directory, 'log'),
    processes: join(directory, 'processes'),
    nodes: join(directory, 'nodes'),
    adminConfig: join(directory, 'admin.conf'),
    cgroupName: `heddle-kube-${name}`,
  };
}

export function clusterNamespacePath(paths: ClusterPaths, name: string): string {
  return join(paths.namespaces, name);
}

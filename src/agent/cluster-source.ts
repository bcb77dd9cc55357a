// Where this agent's cluster state comes from, as the configuration has it.

import { KubeConfigCredentials } from '../cluster/kubernetes/credentials.ts';
import { KubernetesSource } from '../cluster/kubernetes/kubernetes-source.ts';
import { manifestSource } from '../cluster/manifest-source.ts';
import type { ClusterSource } from '../cluster/source.ts';
import type { ClusterConfig } from './config-schema.ts';

export interface ClusterParts {
  readonly source: ClusterSource;
  /** The same source, where it is an API server. */
  readonly kubernetes?: KubernetesSource | undefined;
}

export function clusterParts({ directory, kubernetes }: ClusterConfig): ClusterParts {
  if (kubernetes !== undefined) {
    const source = new KubernetesSource({ credentials: new KubeConfigCredentials(kubernetes) });
    return { source, kubernetes: source };
  }
  if (directory === undefined) throw new Error('a configuration without a cluster was accepted');
  return { source: manifestSource(directory) };
}

// Creates the source of cluster state from the configuration.

import type { UndoStack } from '../../base/undo.ts';
import { KubeConfigCredentials } from '../../cluster/kubernetes/client/credentials.ts';
import { KubernetesSource } from '../../cluster/kubernetes/kubernetes-source.ts';
import { manifestSource } from '../../cluster/manifests/source.ts';
import type { ClusterSource } from '../../cluster/source.ts';
import type { ClusterConfig } from '../../config/schema.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { ModelConfig } from '../../model/desired.ts';
import { familyBits, prefixFamily, prefixLength } from '../../net/prefix.ts';
import type { OwnRoutes } from './api-server-way.ts';
import { ClusterReporter } from './reporter.ts';

export interface ClusterParts {
  readonly source: ClusterSource;
  /** The same source, if it is an API server. */
  readonly kubernetes?: KubernetesSource | undefined;
  /** URLs of that API server and of its proxy. Throws the errors of reading the credentials. */
  readonly apiServers?: (() => Promise<readonly string[]>) | undefined;
  /** Writes to the API server. */
  readonly writer?: ClusterReporter | undefined;
}

export interface ClusterPartsOptions {
  readonly model: ModelConfig;
  readonly owned: UndoStack;
  /** Routes that an earlier agent left. */
  readonly routes: Pick<OwnRoutes, 'list'>;
}

export function clusterParts(
  { directory, kubernetes: settings }: ClusterConfig,
  { model, owned, routes }: ClusterPartsOptions,
): ClusterParts {
  const heldNodes = (): number => nodesOf(routes.list());
  if (settings !== undefined) {
    const credentials = new KubeConfigCredentials(settings);
    const { startupTaint, remotePodNames } = settings;
    const kubernetes = new KubernetesSource({
      credentials,
      node: model.nodeName,
      heldNodes,
      remotePods: remotePodNames,
    });
    const apiServers = async (): Promise<readonly string[]> => {
      const { servers, proxyUrl } = await credentials.access();
      return proxyUrl === undefined ? servers : [...servers, proxyUrl];
    };
    const writer = new ClusterReporter({ kubernetes, model, startupTaint });
    owned.push(() => writer.stop());
    return { source: kubernetes, kubernetes, apiServers, writer };
  }
  if (directory === undefined) throw new Error('a configuration without a cluster was accepted');
  return {
    source: manifestSource(directory, { node: model.nodeName, heldRanges: orNone(heldNodes) }),
  };
}

// A folder is read whatever the kernel answers.
function orNone(count: () => number): () => number {
  return () => {
    try {
      return count();
    } catch (error) {
      if (!isKernelError(error)) throw error;
      return 0;
    }
  };
}

// A Node has one pod range per family. Single addresses belong to pods of this node.
function nodesOf(routes: ReturnType<OwnRoutes['list']>): number {
  const ranges = routes.filter(
    ({ type, destination }) =>
      type === 'unicast' && prefixLength(destination) < familyBits(prefixFamily(destination)),
  );
  const ofFamily = (family: 4 | 6): number =>
    ranges.filter(({ destination }) => prefixFamily(destination) === family).length;
  return Math.max(ofFamily(4), ofFamily(6));
}

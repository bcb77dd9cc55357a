// Why the agent is not ready, in one sentence. A directory of manifests is usually read within a moment. An API server
// may be unavailable for long. Until the cluster has been read, nothing on this node changes.

import type { KubernetesSource } from '../cluster/kubernetes/kubernetes-source.ts';
import type { NodePlan } from './node-plan.ts';

export interface ReadinessSources {
  readonly kubernetes?: KubernetesSource | undefined;
  readonly network: Pick<NodePlan, 'isWaiting' | 'snapshot' | 'desired' | 'problem'>;
}

/** Undefined: the agent is ready. */
export function waitingFor({ kubernetes, network }: ReadinessSources): string | undefined {
  if (network.isWaiting) {
    if (network.problem !== undefined) return network.problem;
    const [problem] = network.snapshot.problems;
    if (problem !== undefined) return `the cluster has not been read yet: ${problem.text}`;
    if (kubernetes === undefined) return 'the manifests are being read';
    const missing = kubernetes.state.resources
      .filter(({ listedAt }) => listedAt === undefined)
      .map(({ resource, reading }) =>
        reading === undefined ? resource : `${resource}: ${reading.objects} so far`,
      );
    return `the cluster is being read (${missing.join(', ') || 'connecting'})`;
  }
  return kubernetes === undefined ? undefined : noPodRanges(network.desired);
}

/** Why no pod can get an address on this node; undefined if some can. */
export function noPodRanges({
  podRanges,
  problems,
  nodeName,
}: NodePlan['desired']): string | undefined {
  if (podRanges.length > 0) return undefined;
  const own = problems.find(({ object }) => object === nodeName);
  return `${nodeName}: ${own?.text ?? 'has no usable pod range'}`;
}

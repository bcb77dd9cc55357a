// Why the agent is not ready, in one sentence. A directory of manifests is read within a moment. An API server may be
// unavailable for long; until it has been read, nothing on this node changes.

import type { KubernetesSource } from '../cluster/kubernetes/kubernetes-source.ts';
import type { NodePlan } from './node-plan.ts';

export interface ReadinessSources {
  readonly kubernetes?: KubernetesSource | undefined;
  readonly network: Pick<NodePlan, 'isWaiting' | 'snapshot' | 'desired' | 'problem'>;
}

/** Undefined: the agent is ready. */
export function waitingFor({ kubernetes, network }: ReadinessSources): string | undefined {
  if (network.isWaiting && network.problem !== undefined) return network.problem;
  if (kubernetes === undefined) return undefined;
  if (network.isWaiting) {
    const [problem] = network.snapshot.problems;
    if (problem !== undefined) return `the cluster has not been read yet: ${problem.text}`;
    const missing = kubernetes.state.resources
      .filter(({ listedAt }) => listedAt === undefined)
      .map(({ resource, reading }) =>
        reading === undefined ? resource : `${resource}: ${reading.objects} so far`,
      );
    return `the cluster is being read (${missing.join(', ') || 'connecting'})`;
  }
  return noPodRanges(network.desired);
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

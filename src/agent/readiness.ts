// What keeps the agent from being ready, in one sentence. A directory of manifests is read within a moment, whatever is
// in it; an API server may be away for long, and then nothing this node holds is touched.

import type { KubernetesSource } from '../cluster/kubernetes/kubernetes-source.ts';
import type { NodePlan } from './node-plan.ts';

export interface ReadinessSources {
  readonly kubernetes?: KubernetesSource | undefined;
  readonly network: Pick<NodePlan, 'isWaiting' | 'snapshot' | 'desired' | 'problem'>;
}

/** Undefined: nothing is waited for. */
export function waitingFor({ kubernetes, network }: ReadinessSources): string | undefined {
  if (network.isWaiting && network.problem !== undefined) return network.problem;
  if (kubernetes === undefined) return undefined;
  if (network.isWaiting) {
    const [problem] = network.snapshot.problems;
    if (problem !== undefined) return `the cluster has not been read: ${problem.text}`;
    const missing = kubernetes.state.resources
      .filter(({ listedAt }) => listedAt === undefined)
      .map(({ resource, reading }) =>
        reading === undefined ? resource : `${resource}: ${reading.objects} so far`,
      );
    return `the cluster is being read (${missing.join(', ') || 'connecting'})`;
  }
  return noPodRanges(network.desired);
}

/** Why no pod can get an address here, whatever else is right; undefined where some can. */
export function noPodRanges({
  podRanges,
  problems,
  nodeName,
}: NodePlan['desired']): string | undefined {
  if (podRanges.length > 0) return undefined;
  const own = problems.find(({ object }) => object === nodeName);
  return `${nodeName}: ${own?.text ?? 'has no usable pod range'}`;
}

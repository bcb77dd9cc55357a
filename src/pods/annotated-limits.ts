// The limits in a pod's annotations, before its ADD creates anything. Unknown annotations are not treated as empty,
// because the pod would run without its limits for its whole life.

import { namespacedName } from '../base/namespaced-name.ts';
import { annotatedBandwidth } from '../cni/bandwidth.ts';
import { CniError, cniErrorCode } from '../cni/error.ts';
import type { AddRequest } from '../cni/request.ts';
import type { Bandwidth } from '../net/bandwidth.ts';
import type { PodHost } from './host.ts';

/** Empty for a container that is not a pod. Throws CniError (tryLater: the pod is not known; invalidConfiguration). */
export async function annotatedLimits(
  { pod, bandwidth, hasAnnotations }: AddRequest,
  node: Pick<PodHost, 'podAnnotations' | 'waitingFor'>,
): Promise<Bandwidth> {
  const isAllSaid =
    hasAnnotations === true || (bandwidth?.ingress !== undefined && bandwidth.egress !== undefined);
  if (pod === undefined || isAllSaid) return {};
  const annotations = await node.podAnnotations(pod);
  if (annotations !== undefined) return annotatedBandwidth(annotations);
  const waiting = node.waitingFor?.();
  const why = waiting === undefined ? '' : ` (the agent is not ready: ${waiting})`;
  throw new CniError(
    cniErrorCode.tryLater,
    `pod ${namespacedName(pod)}: this node has not received the pod from the cluster yet, so its annotations are not known${why}`,
    {
      details:
        'the runtime repeats the request; `heddle status` shows whether the cluster can be read',
    },
  );
}

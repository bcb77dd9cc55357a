// Finds whose queue or program was removed. If it was at a pod's interface, the agent checks immediately.

import type { RemovedHook } from '../../kernel/netlink/removed-hook.ts';
import { podBlocks } from '../../model/ids.ts';
import { podQueue } from '../../model/pod-queue.ts';
import type { Pods } from '../../pods/pods.ts';

export function isOfPods(hook: RemovedHook, pods: Pick<Pods, 'endpoints'>): boolean {
  if (hook.at === 'block')
    return hook.block === podBlocks.ingress || hook.block === podBlocks.egress;
  const { ifIndex } = hook;
  return pods.endpoints().some((endpoint) => {
    const queue = podQueue(endpoint);
    return [endpoint.hostIfIndex, queue?.ifIndex, queue?.farIfIndex].includes(ifIndex);
  });
}

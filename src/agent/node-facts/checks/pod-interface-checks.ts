// Facts about the host ends of pods' interfaces.

import { namespacedName } from '../../../base/namespaced-name.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, problem, some } from './fact.ts';

// A pod sends what its own end allows. The kernel silently drops packets larger than the MTU of the other end.
export function podMtuFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const byIndex = new Map(kernel.host.links.map((link) => [link.ifIndex, link]));
  const smaller = desired.endpoints
    .values()
    .flatMap(({ hostIfIndex, mtuBytes, hostIfName, pod }) => {
      const link = byIndex.get(hostIfIndex);
      if (link === undefined || link.mtuBytes >= mtuBytes) return [];
      const name = pod ? `${hostIfName} of ${namespacedName(pod)}` : hostIfName;
      return [`${name} (${link.mtuBytes} instead of ${mtuBytes})`];
    });
  if (smaller.length === 0) return [];
  return [
    problem(
      `interfaces of pods have a smaller MTU than their pods: ${some(smaller)}; larger packets are lost`,
    ),
  ];
}

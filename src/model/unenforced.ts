// Requests of the cluster that this version does not implement yet. They are reported, because a policy that is
// silently not enforced is worse than none: someone relies on it.

import { memoize } from '../base/memoize.ts';
import type { ClusterNetworkPolicy } from '../cluster/objects.ts';
import type { ModelProblem } from './desired.ts';

export const unenforcedPolicies: (
  policies: ReadonlyMap<string, ClusterNetworkPolicy>,
) => readonly ModelProblem[] = memoize((policies) =>
  [...policies.values()].map(({ namespace, name }) => ({
    object: `NetworkPolicy ${namespace}/${name}`,
    text: 'is not enforced: this version has no network policy yet, and all pods reach each other',
  })),
);

// Requests of the cluster that this version does not implement yet. They are reported, because a policy that is
// silently not enforced is worse than none: someone relies on it.

import { memoize } from '../base/memoize.ts';
import { namespacedName } from '../base/namespaced-name.ts';
import type { ClusterNetworkPolicy } from '../cluster/objects.ts';
import { toldEach } from './bounded-problems.ts';
import type { ModelProblem } from './desired.ts';

const text =
  'is not enforced: this version has no network policy yet, and all pods reach each other';

/** The first ones and how many more there are: a tenant may have any number of policies, and each change counts them again. */
export const unenforcedPolicies: (
  policies: ReadonlyMap<string, ClusterNetworkPolicy>,
) => readonly ModelProblem[] = memoize((policies) => {
  const problems: ModelProblem[] = [];
  for (const policy of policies.values()) {
    if (problems.length === toldEach) {
      const object = `${policies.size - toldEach} more`;
      // Not one of those alike, of which boundedProblems would leave it out.
      return [...problems, { object, text, alike: `more: ${text}` }];
    }
    problems.push({ object: `NetworkPolicy ${namespacedName(policy)}`, text });
  }
  return problems;
});

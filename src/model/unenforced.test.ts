import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterNetworkPolicy } from '../cluster/objects.ts';
import { boundedProblems } from './bounded-problems.ts';
import { unenforcedPolicies } from './unenforced.ts';

interface Counted {
  readonly map: ReadonlyMap<string, ClusterNetworkPolicy>;
  /** Number of policies that were read. */
  reads: number;
}

function policies(count: number): Counted {
  function* values(): Generator<ClusterNetworkPolicy> {
    for (let index = 0; index < count; index++) {
      counted.reads++;
      const meta = { namespace: 'shop', name: `policy-${index}`, labels: {}, annotations: {} };
      yield meta as ClusterNetworkPolicy;
    }
  }
  const map = { size: count, values } as unknown as Counted['map'];
  const counted: Counted = { map, reads: 0 };
  return counted;
}

const rule =
  'is not enforced: this version has no network policy yet, and all pods reach each other';

for (const [count, last] of [
  [0, undefined],
  [1, 'NetworkPolicy shop/policy-0'],
  [3, 'NetworkPolicy shop/policy-2'],
  [4, '1 more'],
  [20_000, '19997 more'],
] as const) {
  test(`of ${count} policies the first three and the number of the others are told, and no others read`, () => {
    const given = policies(count);
    const problems = unenforcedPolicies(given.map);
    assert.ok(given.reads <= 4, `${given.reads} policies were read`);
    assert.equal(problems.length, Math.min(count, 4));
    assert.equal(problems.at(-1)?.object, last);
    const told = boundedProblems(problems).map(({ object, text }) => ({ object, text }));
    assert.deepEqual(
      told,
      problems.map(({ object }) => ({ object, text: rule })),
    );
  });
}

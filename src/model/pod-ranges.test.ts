import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterNode } from '../cluster/objects.ts';
import { type Prefix, parsePrefix, prefixesOverlap } from '../net/prefix.ts';
import { rangeOwners } from './pod-ranges.ts';

function nodes(ranges: Readonly<Record<string, readonly string[]>>): Map<string, ClusterNode> {
  return new Map(
    Object.entries(ranges).map(([name, podCidrs]) => [
      name,
      {
        name,
        labels: {},
        annotations: {},
        podCidrs: podCidrs.map((text) => parsePrefix(text)),
        addresses: [],
      },
    ]),
  );
}

const cases: readonly {
  readonly name: string;
  readonly ranges: Readonly<Record<string, readonly string[]>>;
  readonly owners: readonly (readonly [string, string])[];
  readonly problems: readonly string[];
}[] = [
  {
    name: 'ranges side by side each have their node',
    ranges: { b: ['192.0.2.64/26', '2001:db8:2::/64'], a: ['192.0.2.0/26', '2001:db8:1::/64'] },
    owners: [
      ['192.0.2.0/26', 'a'],
      ['2001:db8:1::/64', 'a'],
      ['192.0.2.64/26', 'b'],
      ['2001:db8:2::/64', 'b'],
    ],
    problems: [],
  },
  {
    name: 'the same range belongs to the first node by name',
    ranges: { b: ['192.0.2.0/26'], a: ['192.0.2.0/26'] },
    owners: [['192.0.2.0/26', 'a']],
    problems: [
      'b 192.0.2.0/26: overlaps 192.0.2.0/26 of a, which keeps it: this range is not used',
    ],
  },
  {
    name: 'a range within another is refused',
    ranges: { a: ['192.0.2.0/24'], b: ['192.0.2.64/26'] },
    owners: [['192.0.2.0/24', 'a']],
    problems: [
      'b 192.0.2.64/26: overlaps 192.0.2.0/24 of a, which keeps it: this range is not used',
    ],
  },
  {
    name: 'a range around another is refused',
    ranges: { a: ['192.0.2.64/26'], b: ['192.0.2.0/24'] },
    owners: [['192.0.2.64/26', 'a']],
    problems: [
      'b 192.0.2.0/24: overlaps 192.0.2.64/26 of a, which keeps it: this range is not used',
    ],
  },
  {
    name: 'a range that was refused takes nothing from anybody',
    ranges: { a: ['192.0.2.0/26'], b: ['192.0.2.0/24'], c: ['192.0.2.64/26'] },
    owners: [
      ['192.0.2.0/26', 'a'],
      ['192.0.2.64/26', 'c'],
    ],
    problems: [
      'b 192.0.2.0/24: overlaps 192.0.2.0/26 of a, which keeps it: this range is not used',
    ],
  },
  {
    name: 'everything of one family does not touch the other',
    ranges: { a: ['0.0.0.0/0'], b: ['2001:db8::/32'] },
    owners: [
      ['0.0.0.0/0', 'a'],
      ['2001:db8::/32', 'b'],
    ],
    problems: [],
  },
];

for (const { name, ranges, owners, problems } of cases) {
  test(name, () => {
    const found = rangeOwners(nodes(ranges));
    assert.deepEqual([...found.owners], owners);
    assert.deepEqual(
      found.problems.map(({ object, text }) => `${object}: ${text}`),
      problems,
    );
  });
}

test('whatever nodes claim, what is accepted never overlaps and what is refused always does', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 50; round++) {
    const ranges = Object.fromEntries(
      Array.from({ length: 12 }, (_, index) => [
        `node-${index}`,
        [`192.0.2.${random(256)}/${24 + random(9)}`],
      ]),
    );
    const all = nodes(ranges);
    const accepted = [...rangeOwners(all).owners.keys()];
    const overlapping = (prefix: Prefix): Prefix | undefined =>
      accepted.find((other) => other !== prefix && prefixesOverlap(other, prefix));
    for (const prefix of accepted) assert.equal(overlapping(prefix), undefined, prefix);
    for (const { podCidrs } of all.values()) {
      const [prefix] = podCidrs;
      assert.ok(prefix !== undefined);
      assert.ok(accepted.includes(prefix) || overlapping(prefix) !== undefined, prefix);
    }
  }
});

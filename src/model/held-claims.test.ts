import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClaims as check, good, old, told } from '../../test/support/claiming-nodes.ts';
import { parsePrefix } from '../net/prefix.ts';
import { agedClaims } from './held-claims.ts';
import type { RangeOwners } from './network/pod-ranges.ts';

function claimsOf({ nodes }: RangeOwners): readonly unknown[] {
  return nodes.map(({ name, addresses, podCidrs }) => ({ name, addresses, podCidrs }));
}

const takenByOlder: readonly (readonly [string, readonly string[], string])[] = [
  [
    'the address of a younger Node',
    ['10.77.0.12', 'fd00:77::12'],
    'status.addresses: InternalIP 10.77.0.12 is an InternalIP of Node n2, which keeps it: this address is not used',
  ],
  [
    'an address in the range of a younger Node',
    ['10.78.2.5'],
    'status.addresses: InternalIP 10.78.2.5 lies in 10.78.2.0/24, a pod range of Node n2: this address is not used',
  ],
];

for (const [what, addresses, text] of takenByOlder) {
  test(`an old Node that claims ${what} later does not get it`, () => {
    const before = check(old);
    const given = { ...old, n1: { ...old.n1, addresses: [...addresses, ...old.n1.addresses] } };
    const found = check(given, { held: before.held });
    assert.ok(told(found).includes(`n1: ${text}`), told(found).join('\n'));
    assert.deepEqual(claimsOf(found), claimsOf(before));
    assert.equal(found.held.holders, before.held.holders);
    assert.equal(check(given, { held: found.held }).held, found.held);
    // An agent that starts now knows only the age.
    assert.notDeepEqual(claimsOf(check(given)), claimsOf(before));
  });
}

test("an old Node that gets another range later does not take a younger one's", () => {
  const before = check(old);
  const given = { ...old, n1: { ...old.n1, ranges: [...old.n1.ranges, '10.78.2.128/25'] } };
  assert.deepEqual(claimsOf(check(given, { held: before.held })), claimsOf(before));
});

test('a claim that a Node gives up is free', () => {
  const before = check({ ...old, n2: { ...old.n2, uid: 'a' } });
  const moved = { ...old, n2: { ...old.n2, addresses: ['10.77.0.13'] } };
  const n1 = { ...old.n1, addresses: ['10.77.0.12', ...old.n1.addresses] };
  assert.deepEqual(told(check({ ...moved, n1 }, { held: before.held })), []);
});

const again = { ...good.n2, age: 9, uid: 'b' };

const evil = { ranges: ['10.78.2.128/25'], addresses: ['10.77.0.66', '10.77.0.12'], age: 3 };

const first = { ...old, n2: { ...old.n2, uid: 'a' }, evil };

const atOnce = { n1: old.n1, evil, n2: again };

test('a Node that is deleted and recreated gets its claims back from those that claimed them in vain', () => {
  const before = check(first);
  assert.deepEqual(claimsOf(check(atOnce, { held: before.held })), claimsOf(before));
  const without = check({ n1: old.n1, evil }, { held: before.held });
  assert.deepEqual(told(without), [
    'evil: spec.podCIDRs: 10.78.2.128/25 is or overlaps 10.78.2.0/24 of Node n2, which was deleted: reserved for 15 min for a Node with that name: this range is not used',
    'evil: status.addresses: InternalIP 10.77.0.12 is or overlaps 10.77.0.12 of Node n2, which was deleted: reserved for 15 min for a Node with that name: this address is not used',
  ]);
  const bare = { n1: old.n1, evil, n2: { age: 9, uid: 'b' } };
  const untold = check(bare, { held: without.held });
  assert.equal(untold.problems.length, 2, 'made again, and not given a range yet');
  for (const { held } of [without, untold]) {
    assert.deepEqual(claimsOf(check(atOnce, { held })), claimsOf(before));
  }
});

test('claims of a deleted Node are withheld for some time, but only from Nodes that claimed them before', () => {
  const before = check(first);
  const later = { ranges: ['10.78.2.0/24'], addresses: ['10.77.0.12'], age: 8 };
  const gone = { n1: old.n1, evil };
  const kept = agedClaims(check(gone, { held: before.held }).held, 1_000);
  assert.equal(agedClaims(kept, 1_000 + 15 * 60_000 - 1), kept);
  assert.equal(check(gone, { held: kept }).held, kept);
  const fresh = check({ ...gone, later }, { held: kept });
  assert.equal(fresh.owners.get(parsePrefix('10.78.2.0/24')), 'later');
  const expired = agedClaims(kept, 1_000 + 15 * 60_000);
  assert.equal(expired.gone.size, 0);
  const found = check(gone, { held: expired });
  assert.deepEqual(told(found), []);
  assert.deepEqual(found.held.contested, new Set());
});

test('a Node that is recreated with another range and address leaves the old ones to others', () => {
  const before = check(first);
  const n2 = { age: 9, uid: 'b', ranges: ['10.78.5.0/24'], addresses: ['10.77.0.15'] };
  const gone = check({ n1: old.n1, evil }, { held: before.held });
  const moved = check({ n1: old.n1, evil, n2 }, { held: gone.held });
  assert.equal(moved.held.gone.size, 0);
  assert.deepEqual(told(check({ n1: old.n1, evil, n2 }, { held: moved.held })), []);
});

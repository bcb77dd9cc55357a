import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkClaims as check,
  type ClaimingNode as Given,
  good,
  host,
  node,
  told,
} from '../../../test/support/claiming-nodes.ts';
import { type Prefix, parsePrefix, prefixesOverlap } from '../../net/prefix.ts';
import { checkNodes } from './checked-nodes.ts';
import { OccupiedRanges } from './occupied.ts';
import { FollowedServices } from './service-addresses.ts';

test('valid claims are used unchanged, as the same objects', () => {
  const nodes = new Map(Object.entries(good).map(([name, rest]) => [name, node(name, rest)]));
  const found = checkNodes({
    config: { nodeName: 'n1', mode: 'native' },
    nodes,
    host,
    occupied: new OccupiedRanges().flawOf(host),
    services: new FollowedServices().follow(new Map(), nodes),
  });
  assert.deepEqual(found.problems, []);
  assert.deepEqual(found.nodes, [...nodes.values()]);
  for (const each of found.nodes) assert.equal(each, nodes.get(each.name));
});

test('a range that contains an InternalIP of an older Node is refused; for a younger one, its address is', () => {
  const found = check({
    far: { ranges: ['10.78.3.0/24'], addresses: ['192.168.9.3'], age: 1 },
    around: { ranges: ['192.168.9.0/24'], addresses: ['192.168.7.1'], age: 2 },
    inside: { ranges: ['10.78.4.0/24'], addresses: ['10.78.3.7'], age: 3 },
    itself: { ranges: ['192.168.8.0/24'], addresses: ['192.168.8.1'], age: 4 },
  });
  assert.deepEqual(told(found), [
    'around: spec.podCIDRs: 192.168.9.0/24 holds 192.168.9.3, an InternalIP of Node far, which was first: this range is not used',
    'inside: status.addresses: InternalIP 10.78.3.7 lies in 10.78.3.0/24, a pod range of Node far: this address is not used',
    'itself: spec.podCIDRs: 192.168.8.0/24 holds 192.168.8.1, an InternalIP of its own: this range is not used',
  ]);
});

test('an older Node takes no range from a younger one by additional addresses', () => {
  const ranges = ['10.78.2.0/24', 'fd00:78:2::/64'];
  for (const mode of ['native', 'vxlan'] as const) {
    const found = check(
      {
        aged: { age: 1, addresses: ['10.77.0.66', '10.78.2.5', 'fd00:77::66', 'fd00:78:2::5'] },
        young: { age: 2, ranges, addresses: ['10.77.0.12'] },
      },
      { host, mode },
    );
    assert.deepEqual([...found.owners.keys()], ranges);
    assert.deepEqual(told(found), [
      'aged: status.addresses: InternalIP 10.78.2.5 lies in 10.78.2.0/24, a pod range of Node young: this address is not used',
      'aged: status.addresses: InternalIP fd00:78:2::5 lies in fd00:78:2::/64, a pod range of Node young: this address is not used',
    ]);
  }
});

test('nor by its only one if that leads nowhere, or podCidrs reserves it for pods', () => {
  const nodes = {
    aged: { age: 1, addresses: ['10.78.2.5'] },
    young: { age: 2, ranges: ['10.78.2.0/24'], addresses: ['10.77.0.12'] },
  };
  for (const options of [
    { mode: 'native' },
    { mode: 'vxlan', podCidrs: ['10.78.0.0/16'] },
  ] as const) {
    const found = check(nodes, { host, ...options });
    assert.deepEqual([...found.owners], [['10.78.2.0/24', 'young']]);
    assert.match(
      told(found).join(),
      /^aged: status.addresses: InternalIP 10.78.2.5 lies in .*: this/,
    );
  }
});

test('an address that an older Node adds is not taken from a younger one', () => {
  const found = check({
    aged: { age: 1, addresses: ['192.168.9.1', '192.168.9.2'] },
    young: { age: 2, addresses: ['192.168.9.2'] },
  });
  assert.deepEqual(told(found), [
    'aged: status.addresses: InternalIP 192.168.9.2 is an InternalIP of Node young, which keeps it: this address is not used',
  ]);
});

const orders: readonly (readonly [string, Readonly<Record<string, Given>>])[] = [
  ['created first', { young: { age: 2, uid: 'a' }, aged: { age: 1, uid: 'b' } }],
  ['with the lesser uid', { young: { age: 1, uid: 'b' }, aged: { age: 1, uid: 'a' } }],
  ['with a creation time at all', { a: {}, aged: { age: 9 } }],
  ['first by name, where manifests say no more', { young: {}, aged: {} }],
];

for (const [what, given] of orders) {
  test(`between two claims the Node ${what} wins`, () => {
    const ranges = ['10.78.5.0/24'];
    const all = Object.entries(given).map(([name, rest]) => [name, { ...rest, ranges }] as const);
    for (const entries of [all, all.toReversed()]) {
      const found = check(Object.fromEntries(entries));
      assert.deepEqual([...found.owners], [['10.78.5.0/24', 'aged']]);
      assert.match(
        told(found).join(),
        /^(young|a): spec.podCIDRs: 10.78.5.0\/24 is 10.78.5.0\/24 of Node aged, which was first/,
      );
    }
  });
}

test('a refused range takes nothing from another Node', () => {
  const found = check({
    a: { ranges: ['192.0.2.0/26'] },
    b: { ranges: ['192.0.2.0/24'] },
    c: { ranges: ['192.0.2.64/26'] },
  });
  assert.deepEqual(
    [...found.owners],
    [
      ['192.0.2.0/26', 'a'],
      ['192.0.2.64/26', 'c'],
    ],
  );
});

test('of overlapping ranges of one Node only the first is used', () => {
  const found = check({ a: { ranges: ['10.78.0.0/24', '10.78.0.0/25', '10.78.1.0/24'] } });
  assert.deepEqual([...found.owners.keys()], ['10.78.0.0/24', '10.78.1.0/24']);
  assert.deepEqual(told(found), [
    'a: spec.podCIDRs: 10.78.0.0/25 overlaps 10.78.0.0/24 of its own: this range is not used',
  ]);
});

test('of twenty thousand addresses only a few are examined', () => {
  const addresses = Array.from(
    { length: 20_000 },
    (_, index) => `192.168.${index >> 8}.${index & 255}`,
  );
  const found = check({ a: { addresses } });
  assert.equal(found.nodes[0]?.addresses.length, 32);
  assert.deepEqual(told(found), ['a: status.addresses: 19968 beyond the first 32 are not used']);
});

test('for any claims, accepted ones never overlap and refused ones always do', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 50; round++) {
    const given: Record<string, Given> = {};
    for (let index = 0; index < 12; index++) {
      given[`node-${index}`] = { ranges: [`192.0.2.${random(256)}/${24 + random(9)}`] };
    }
    const accepted = [...check(given).owners.keys()];
    const overlapping = (prefix: Prefix): Prefix | undefined =>
      accepted.find((other) => other !== prefix && prefixesOverlap(other, prefix));
    for (const prefix of accepted) assert.equal(overlapping(prefix), undefined, prefix);
    for (const { ranges = [] } of Object.values(given)) {
      const prefix = parsePrefix(ranges[0] ?? '');
      assert.ok(accepted.includes(prefix) || overlapping(prefix) !== undefined, prefix);
    }
  }
});

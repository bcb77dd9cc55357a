import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RouteRecord } from '../../kernel/netlink/route-record.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { type Exits, exitsOf, isSameExits, movedExits } from './exits.ts';
import type { HostListing } from './facts.ts';

// 203.0.113.9 and 2001:db8:9::9 are the world; the node's address is reachable on eth0 (2), eth1 (3) is another
// network.
const names = new Map([
  [2, 'eth0'],
  [3, 'eth1'],
  [9, 'hd0123456789a'],
]);
const links = Array.from(names, ([ifIndex, name]) => {
  return { ifIndex, name };
}) as unknown as HostListing['links'];
const worlds = ['203.0.113.9', '2001:db8:9::9'] as const;

function route(
  destination: string,
  ifIndex: number,
  fields: Partial<RouteRecord> = {},
): RouteRecord {
  return {
    destination,
    type: 'unicast',
    protocol: 3,
    table: 254,
    ifIndex,
    ...fields,
  } as RouteRecord;
}

function defaults(ifIndex: number, metric: number): readonly RouteRecord[] {
  return ['0.0.0.0/0', '::/0'].map((destination) => route(destination, ifIndex, { metric }));
}

function exits(...routes: readonly RouteRecord[]): Exits {
  return exitsOf({ links, routes }) ?? assert.fail();
}

const [first, second] = [defaults(2, 100), defaults(3, 500)];
const both = [2, 3].map((ifIndex) => ({ ifIndex: ifIndex as IfIndex, weight: 1 }));
const refused = { type: 'unreachable' } as const;

const changes: readonly [string, readonly RouteRecord[], readonly RouteRecord[], boolean][] = [
  ['the first of two default routes goes', [...first, ...second], second, true],
  ['the only one is exchanged', first, second, true],
  ['it comes after there was none', [], second, true],
  ['there is none any more', first, [], false],
  ['it comes back', second, [...first, ...second], false],
  ['one with a larger metric comes', first, [...first, ...second], false],
  ['it left by the other all along', second, defaults(3, 100), false],
  ['one of two ways still leads there', first, [route('0.0.0.0/0', 2, { nextHops: both })], false],
  [
    'a longer one leads elsewhere',
    first,
    [...first, route('203.0.113.0/24', 3), route('2001:db8:9::/48', 3)],
    true,
  ],
  [
    'a longer one refuses packets',
    first,
    [...second, route('203.0.113.0/24', 3, refused), route('2001:db8:9::/48', 3, refused)],
    false,
  ],
  ['another network alone', first, [...first, route('192.0.2.0/24', 3)], false],
];

for (const [what, before, after, expected] of changes) {
  test(`${what}: ${expected ? 'moved' : 'not moved'}`, () => {
    const hasMoved = movedExits(exits(...before), exits(...after));
    for (const world of worlds) assert.equal(hasMoved(parseAddress(world), ['eth0']), expected);
    assert.equal(hasMoved(parseAddress(worlds[0]), ['eth0', 'eth1']), false, 'answered on both');
  });
}

test("routes of pods' interfaces and link-local routes are not changes", () => {
  const pods = [route('192.0.2.7/32', 9), route('fe80::/64', 9), route('fe80::/64', 2)];
  assert.ok(isSameExits(exits(...first), exits(...first, ...pods)));
  assert.ok(isSameExits(exits(...first, ...second), exits(...second, ...first)));
  assert.ok(!isSameExits(exits(...first), exits(...second)));
  assert.ok(!isSameExits(undefined, exits(...second)));
});

test('exits are not known while there are more routes than are read', () => {
  assert.equal(exitsOf({ links, routes: first, unreadRoutes: [4] }), undefined);
});

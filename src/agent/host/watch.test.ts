import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Link } from '../../kernel/netlink/link-record.ts';
import type { Notification } from '../../kernel/netlink/notifications.ts';
import type { RouteRecord } from '../../kernel/netlink/route-record.ts';
import { routeProtocol } from '../../model/ids.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { watchHost } from './watch.ts';

const ifIndex = 7 as IfIndex;

function link(name: string, action: 'new' | 'del'): Notification {
  const flags = { up: true, running: true, loopback: false, noArp: false };
  return { kind: 'link', action, link: { ifIndex, name, mtuBytes: 1500, ...flags } satisfies Link };
}

function route(destination: string, protocol: number): Notification {
  const fields = { type: 'unicast', table: 254, ifIndex } as const;
  const value: RouteRecord = { destination: parsePrefix(destination), protocol, ...fields };
  return { kind: 'route', action: 'new', route: value };
}

const address: Notification = {
  kind: 'address',
  action: 'del',
  address: {
    ifIndex,
    address: parseAddress('192.0.2.1'),
    prefixLength: 24,
    scope: 'global',
    noDad: false,
    noPrefixRoute: false,
    tentative: false,
    dadFailed: false,
  },
};

const cases: [string, Notification, string[]][] = [
  ['an uplink that changes', link('eth0', 'new'), ['host']],
  ['an uplink that goes', link('eth0', 'del'), ['host']],
  ['an address', address, ['host']],
  ['a default route', route('0.0.0.0/0', 3), ['host']],
  ['a route to elsewhere', route('198.51.100.0/24', 3), []],
  ['a route of our own', route('0.0.0.0/0', routeProtocol), []],
  ['a pod coming up', link('hd0123456789a', 'new'), []],
  ["a pod's interface that goes", link('hd0123456789a', 'del'), ['gone 7']],
  ['somebody else whose name begins like ours', link('hdmi', 'del'), ['host']],
  ['a queue of a pod that is made', link('hdq0123456789a', 'new'), []],
  ['a queue of a pod that goes', link('hdr0123456789a', 'del'), ['host']],
  [
    'a program that was removed',
    { kind: 'hook', action: 'del', hook: { at: 'link', ifIndex } },
    ['hook'],
  ],
  ['an overrun', { kind: 'overrun' }, ['overrun']],
];

for (const [what, notification, expected] of cases) {
  test(`${what} is ${expected.length === 0 ? 'no news' : `news: ${expected}`}`, async () => {
    const seen: string[] = [];
    async function* one(): AsyncGenerator<Notification> {
      yield notification;
    }
    await watchHost(one(), {
      onHostChange: () => seen.push('host'),
      onLinkGone: (gone) => seen.push(`gone ${gone}`),
      onHookRemoved: () => seen.push('hook'),
      onOverrun: () => seen.push('overrun'),
    });
    assert.deepEqual(seen, expected);
  });
}

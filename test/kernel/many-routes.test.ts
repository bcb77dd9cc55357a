// More routes and routing rules of other software than the agent reads: it reads those that it depends on.

import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mainRoutesLister, mostRoutes } from '../../src/agent/host/main-routes.ts';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { partialListing } from '../../src/kernel/netlink/partial-listing.ts';
import { listRoutes } from '../../src/kernel/netlink/route.ts';
import { mainTable } from '../../src/kernel/netlink/route-record.ts';
import { listRules } from '../../src/kernel/netlink/rule.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { routeProtocol } from '../../src/model/ids.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const many = 50_000;

rootTest('of many routes the first, the ordinary and the default ones are read', (context) => {
  const namespace = testNamespace(context);
  batch(namespace, [
    'link add up0 type veth peer name up1',
    'link set up0 up',
    'link set up1 up',
    'address add 192.0.2.1/24 dev up0',
    'address add 2001:db8::1/64 dev up0 nodad',
    'route add default via 192.0.2.2 proto 12',
    'route add 203.0.113.0/24 via 192.0.2.3 proto static',
    'route add 2001:db8:ffff::/48 via 2001:db8::3 proto static',
    ...series(mostRoutes, (index) => `route add 9.${tail(index)} dev up0 proto ${routeProtocol}`),
  ]);
  using socket = NetlinkSocket.open({ namespace });
  const { counted, counts } = counting(socket);
  const list = mainRoutesLister(counted);
  assert.deepEqual(list().unreadRoutes, [], "heddle's own do not count");
  const ordinary = list().routes.length;
  batch(namespace, [
    ...series(many, (index) => `route add 20.${tail(index)} via 192.0.2.2 proto 12`),
    ...series(
      mostRoutes + 10,
      (index) => `route add 2001:db8:9::${index.toString(16)}/128 via 2001:db8::2 proto 12`,
    ),
    'route add ::/0 via 2001:db8::2 proto 12',
  ]);
  counts.read = 0;
  const { routes, unreadRoutes } = list();
  assert.deepEqual(unreadRoutes, [4, 6]);
  assert.ok(routes.length <= 2 * mostRoutes + ordinary, `${routes.length} routes`);
  assert.ok(counts.read <= 2 * mostRoutes + ordinary, `${counts.read} routes were read`);
  const destinations: ReadonlySet<string> = new Set(routes.map(({ destination }) => destination));
  const expected = ['0.0.0.0/0', '::/0', '203.0.113.0/24', '2001:db8:ffff::/48', '192.0.2.0/24'];
  assert.deepEqual(
    expected.filter((destination) => !destinations.has(destination)),
    [],
  );
  assert.equal(list().routes, routes, 'the same while nothing changes');
});

rootTest('of many routing rules the first are read, and an end is recognized', (context) => {
  const namespace = testNamespace(context);
  batch(
    namespace,
    series(3_000, (index) => `rule add priority ${index + 10} from 20.${tail(index)} lookup 100`),
  );
  using socket = NetlinkSocket.open({ namespace });
  const list = partialListing(socket, { most: 1_000 }, (dumps) => listRules(dumps, { family: 4 }));
  const { result, isWhole } = list();
  assert.deepEqual([result.length, isWhole], [1_000, false]);
  assert.equal(list().result, result);
  batch(
    namespace,
    series(2_003, (index) => `rule delete priority ${index + 10}`),
  );
  assert.deepEqual([list().result.length, list().isWhole], [1_000, true]);
});

rootTest('a list is whole again when it becomes shorter', (context) => {
  const namespace = testNamespace(context);
  runIn(namespace, 'ip', 'link', 'set', 'lo', 'up');
  using socket = NetlinkSocket.open({ namespace });
  const main = { family: 4, table: mainTable } as const;
  const list = partialListing(socket, { most: 2 }, (dumps) => listRoutes(dumps, main));
  const change = (verb: string, count: number): readonly string[] =>
    series(count, (index) => `route ${verb} 20.${tail(index)} dev lo`);
  batch(namespace, change('add', 3));
  assert.deepEqual([list().result.length, list().isWhole], [2, false]);
  batch(namespace, change('delete', 1));
  assert.deepEqual([list().result.length, list().isWhole], [2, true]);
});

/** Equivalent to: `ip -batch FILE`; more lines than fit into an argument. */
function batch(namespace: NetworkNamespace, lines: readonly string[]): void {
  const file = join(tmpdir(), `heddle-test-routes-${process.pid}`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  try {
    runIn(namespace, 'ip', '-batch', file);
  } finally {
    rmSync(file);
  }
}

/** `0.1.2` for the 258th address. */
function tail(index: number): string {
  return `${index >> 16}.${(index >> 8) & 255}.${index & 255}`;
}

function series(length: number, text: (index: number) => string): readonly string[] {
  return Array.from({ length }, (_, index) => text(index));
}

type Counted = Pick<NetlinkSocket, 'dumpSome' | 'get'>;

function counting(socket: NetlinkSocket): { counted: Counted; counts: { read: number } } {
  const counts = { read: 0 };
  const dumpSome: NetlinkSocket['dumpSome'] = (query, read, most) => {
    const some = socket.dumpSome(query, read, most);
    counts.read += some.results.length;
    return some;
  };
  return { counted: { dumpSome, get: (query, read) => socket.get(query, read) }, counts };
}

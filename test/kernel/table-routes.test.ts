import assert from 'node:assert/strict';
import { type RouteEntry, routeTable } from '../../src/datapath/host/routes.ts';
import { parseAddress } from '../../src/net/address.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { rootTest } from '../support/root-test.ts';
import { assertContract, place, up0 } from '../support/table-contract.ts';

const routes: readonly RouteEntry[] = [
  { destination: '192.0.2.0/26', isUnreachable: true },
  { destination: '2001:db8:1::/64', isUnreachable: true },
  { destination: '192.0.2.5/32', ifIndex: up0 },
  { destination: '2001:db8:1::5/128', ifIndex: up0 },
  { destination: '192.0.2.64/26', gateway: '198.51.100.2', ifIndex: up0 },
  { destination: '2001:db8:2::/64', gateway: '2001:db8:ffff::2', ifIndex: up0 },
  { destination: '192.0.2.128/26', ifIndex: up0, source: '198.51.100.1' },
].map(({ destination, isUnreachable, gateway, ifIndex, source }) => ({
  destination: parsePrefix(destination),
  type: isUnreachable ? 'unreachable' : 'unicast',
  gateway: gateway === undefined ? undefined : parseAddress(gateway),
  ifIndex,
  source: source === undefined ? undefined : parseAddress(source),
}));

const [ownRange, , podRoute, , remoteRoute] = routes as readonly [
  RouteEntry,
  RouteEntry,
  RouteEntry,
  RouteEntry,
  RouteEntry,
];

rootTest('routes of every kind are set, listed and deleted, and foreign ones stay', (context) => {
  const { socket, ip } = place(context);
  ip('route', 'add', '203.0.113.0/24', 'via', '198.51.100.9');
  const before = [ip('-4', 'route'), ip('-6', 'route')];
  assertContract(routeTable(socket), routes);
  assert.deepEqual([ip('-4', 'route'), ip('-6', 'route')], before);
});

rootTest(
  'a route of heddle that was changed, removed or added is visible in the listing',
  (context) => {
    const { socket, ip } = place(context);
    const table = routeTable(socket);
    table.set([podRoute, remoteRoute]);
    ip('route', 'replace', '192.0.2.64/26', 'via', '198.51.100.3', 'proto', '72');
    ip('route', 'delete', '192.0.2.5');
    ip('route', 'add', '203.0.113.0/24', 'via', '198.51.100.9', 'proto', '72');
    const listed = table.list(new Map());
    assert.deepEqual([...listed.keys()].sort(), ['192.0.2.64/26', '203.0.113.0/24']);
    assert.equal(listed.get('192.0.2.64/26')?.gateway, '198.51.100.3');
    assert.deepEqual(table.set([remoteRoute]), []);
    assert.match(ip('route', 'show', '192.0.2.64/26'), /via 198.51.100.2/);
  },
);

rootTest('a route of heddle changes its kind in place', (context) => {
  const { socket, ip } = place(context);
  const table = routeTable(socket);
  for (const family of ['192.0.2.0/26', '2001:db8:1::/64']) {
    const entry = { ...ownRange, destination: parsePrefix(family) };
    table.set([entry]);
    assert.deepEqual(table.set([{ ...entry, type: 'unicast', ifIndex: up0 }]), []);
    assert.equal(table.list(new Map()).get(family)?.ifIndex, up0);
    assert.equal(ip('route', 'show', 'root', family).trim().split('\n').length, 1);
  }
});

rootTest('a route of another process is neither replaced nor deleted', (context) => {
  const { socket, ip } = place(context);
  ip('route', 'add', '192.0.2.64/26', 'via', '198.51.100.9', 'proto', 'static');
  const table = routeTable(socket);
  const [failure] = table.set([remoteRoute]);
  assert.equal(
    failure?.error.message,
    'route add 192.0.2.64/26: EEXIST (another process has a route to it; that route is kept)',
  );
  assert.deepEqual(table.delete([remoteRoute]), []);
  assert.match(ip('route', 'show', '192.0.2.64/26'), /via 198.51.100.9 dev up0 proto static/);
});

rootTest(
  "an impossible route is reported with the kernel's reason while the rest is set",
  (context) => {
    const { socket } = place(context);
    const wrong = { ...remoteRoute, gateway: parseAddress('203.0.113.1') };
    const table = routeTable(socket);
    const failures = table.set([wrong, podRoute]);
    assert.deepEqual(
      failures.map(({ key }) => key),
      ['192.0.2.64/26'],
    );
    assert.match(failures[0]?.error.message ?? '', /via 203.0.113.1 .*: ENETUNREACH/);
    assert.deepEqual([...table.list(new Map()).keys()], ['192.0.2.5/32']);
  },
);

rootTest(
  'pod routes are deleted with their interface, and deleting them again succeeds',
  (context) => {
    const { socket, ip } = place(context);
    const table = routeTable(socket);
    table.set([podRoute]);
    ip('link', 'delete', 'up0');
    assert.deepEqual([...table.list(new Map()).keys()], []);
    assert.deepEqual(table.delete([podRoute]), []);
  },
);

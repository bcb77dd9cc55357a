import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { addAddress } from '../../src/kernel/netlink/address.ts';
import { batch } from '../../src/kernel/netlink/batch.ts';
import { linkByName, setLink } from '../../src/kernel/netlink/link.ts';
import type { MessageWriter } from '../../src/kernel/netlink/protocol/message.ts';
import {
  addRoute,
  delRoute,
  listRoutes,
  lookUpRoute,
  replaceRoute,
} from '../../src/kernel/netlink/route.ts';
import type { RouteRecord } from '../../src/kernel/netlink/route-record.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { addressAt, hostPrefix, parsePrefix } from '../../src/net/prefix.ts';
import { runIn, testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const ifIndex = 7 as IfIndex;
const own = { protocol: 72, table: 254 } as const;

interface Wired {
  readonly socket: NetlinkSocket;
  readonly namespace: NetworkNamespace;
}

/** A namespace with one running link: 192.0.2.1/24 and 2001:db8::1/64. */
function wired(context: TestContext): Wired {
  const namespace = testNamespace(context);
  const socket = NetlinkSocket.open({ namespace });
  context.after(() => socket[Symbol.dispose]());
  addVeth(socket, { name: 'veth0', ifIndex, peer: { name: 'veth1' } });
  const peer = linkByName(socket, 'veth1');
  assert.ok(peer);
  for (const index of [ifIndex, peer.ifIndex]) {
    setLink(socket, { ifIndex: index, addrGenMode: 'none' });
    setLink(socket, { ifIndex: index, up: true });
  }
  addAddress(socket, { ifIndex, address: parseAddress('192.0.2.1'), prefixLength: 24 });
  const address6 = parseAddress('2001:db8::1');
  addAddress(socket, { ifIndex, address: address6, prefixLength: 64, noDad: true });
  return { socket, namespace };
}

interface Case {
  readonly name: string;
  readonly route: RouteRecord;
  /** Routes that the kernel adds to it. */
  readonly listed: Partial<RouteRecord>;
}

const cases: readonly Case[] = [
  {
    name: 'IPv4 host route on a link',
    route: { ...own, destination: parsePrefix('198.51.100.7/32'), type: 'unicast', ifIndex },
    listed: { scope: 'link' },
  },
  {
    name: 'IPv4 via a gateway',
    route: {
      ...own,
      destination: parsePrefix('198.51.100.0/24'),
      type: 'unicast',
      gateway: parseAddress('192.0.2.254'),
      ifIndex,
      metric: 10,
      mtuBytes: 1400,
      source: parseAddress('192.0.2.1'),
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv4 default via a gateway that no route covers (onlink)',
    route: {
      ...own,
      destination: parsePrefix('0.0.0.0/0'),
      type: 'unicast',
      gateway: parseAddress('169.254.1.1'),
      ifIndex,
      onlink: true,
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv4 via an IPv6 neighbour',
    route: {
      ...own,
      destination: parsePrefix('203.0.113.0/24'),
      type: 'unicast',
      gateway: parseAddress('2001:db8::2'),
      ifIndex,
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv4 by several ways',
    route: {
      ...own,
      destination: parsePrefix('198.51.100.128/25'),
      type: 'unicast',
      nextHops: [
        { ifIndex, gateway: parseAddress('192.0.2.2'), weight: 3 },
        { ifIndex, gateway: parseAddress('192.0.2.3'), weight: 1 },
      ],
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv6 by several ways',
    route: {
      ...own,
      destination: parsePrefix('2001:db8:4::/64'),
      type: 'unicast',
      metric: 5,
      nextHops: [
        { ifIndex, gateway: parseAddress('2001:db8::2'), weight: 3 },
        { ifIndex, gateway: parseAddress('2001:db8::3'), weight: 1 },
      ],
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv4 unreachable',
    route: { ...own, destination: parsePrefix('198.51.100.0/25'), type: 'unreachable' },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv4 blackhole in a table above 255',
    route: {
      protocol: 72,
      table: 7200,
      destination: parsePrefix('198.51.100.0/25'),
      type: 'blackhole',
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv4 local',
    route: {
      protocol: 72,
      table: 255,
      destination: parsePrefix('198.51.100.9/32'),
      type: 'local',
      ifIndex,
    },
    listed: { scope: 'host' },
  },
  {
    name: 'IPv6 host route on a link',
    route: {
      ...own,
      destination: parsePrefix('2001:db8:1::7/128'),
      type: 'unicast',
      ifIndex,
      metric: 1024,
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv6 via a gateway',
    route: {
      ...own,
      destination: parsePrefix('2001:db8:2::/64'),
      type: 'unicast',
      gateway: parseAddress('2001:db8::2'),
      ifIndex,
      metric: 7,
      mtuBytes: 1400,
      source: parseAddress('2001:db8::1'),
    },
    listed: { scope: 'global' },
  },
  {
    name: 'IPv6 default',
    route: {
      ...own,
      destination: parsePrefix('::/0'),
      type: 'unicast',
      gateway: parseAddress('fe80::1'),
      ifIndex,
    },
    listed: { scope: 'global', metric: 1024 },
  },
  {
    name: 'IPv6 unreachable, which the kernel shows on lo',
    route: { ...own, destination: parsePrefix('2001:db8:3::/48'), type: 'unreachable' },
    listed: { scope: 'global', metric: 1024, ifIndex: 1 as IfIndex },
  },
];

rootTest(
  'a route of each form is set, set again, listed as it was set, and deleted',
  async (context) => {
    const { socket } = wired(context);
    for (const { name, route, listed } of cases) {
      await context.test(name, () => {
        const mine = { protocol: 72, table: route.table };
        replaceRoute(socket, route);
        replaceRoute(socket, route);
        assert.deepEqual(listRoutes(socket, mine), [{ ...route, ...listed }]);
        assert.throws(() => addRoute(socket, route), { code: 'EEXIST', call: 'route add' });
        delRoute(socket, { ...route, ...listed });
        assert.deepEqual(listRoutes(socket, mine), []);
        assert.throws(() => delRoute(socket, route), { code: 'ESRCH', call: 'route delete' });
      });
    }
  },
);

rootTest('a replaced route has the new gateway and is still one', (context) => {
  const { socket } = wired(context);
  for (const [destination, first, second] of [
    ['198.51.100.0/24', '192.0.2.2', '192.0.2.3'],
    ['2001:db8:9::/64', '2001:db8::2', '2001:db8::3'],
  ] as const) {
    const route = {
      ...own,
      destination: parsePrefix(destination),
      type: 'unicast',
      ifIndex,
    } as const;
    replaceRoute(socket, { ...route, gateway: parseAddress(first) });
    replaceRoute(socket, { ...route, gateway: parseAddress(second) });
    const gateways = listRoutes(socket, { protocol: 72 })
      .filter((listed) => listed.destination === destination)
      .map((listed) => listed.gateway);
    assert.deepEqual(gateways, [second]);
  }
});

rootTest('an unreachable gateway is refused with the kernel’s text', (context) => {
  const { socket } = wired(context);
  assert.throws(
    () =>
      replaceRoute(socket, {
        ...own,
        destination: parsePrefix('198.51.100.0/24'),
        type: 'unicast',
        gateway: parseAddress('203.0.113.1'),
        ifIndex,
      }),
    {
      message:
        'route replace 198.51.100.0/24 via 203.0.113.1 dev index 7: ENETUNREACH (Nexthop has invalid gateway)',
    },
  );
});

rootTest('the kernel filters by protocol, table, family and link', (context) => {
  const { socket } = wired(context);
  const destination = parsePrefix('198.51.100.0/24');
  const destination6 = parsePrefix('2001:db8:9::/64');
  replaceRoute(socket, { ...own, destination, type: 'unicast', ifIndex });
  replaceRoute(socket, { ...own, destination: destination6, type: 'unicast', ifIndex });
  replaceRoute(socket, { protocol: 72, table: 100, destination, type: 'unreachable' });
  const destinations = (filter: Parameters<typeof listRoutes>[1]): string[] =>
    listRoutes(socket, filter).map((route) => route.destination);
  assert.deepEqual(destinations({ protocol: 72, table: 254 }), [destination, destination6]);
  assert.deepEqual(destinations({ protocol: 72, family: 6 }), [destination6]);
  assert.deepEqual(destinations({ protocol: 72, type: 'unreachable' }), [destination]);
  assert.deepEqual(destinations({ protocol: 72, type: 'blackhole' }), []);
  assert.deepEqual(destinations({ table: 100 }), [destination]);
  assert.deepEqual(destinations({ table: 101 }), []);
  assert.deepEqual(destinations({ protocol: 72, ifIndex }), [destination, destination6]);
  assert.ok(destinations({}).includes('192.0.2.0/24'));
});

rootTest('unusual routes of other programs are listed too', (context) => {
  const { socket, namespace } = wired(context);
  const ip = (...args: string[]): string => runIn(namespace, 'ip', ...args);
  ip(
    'route',
    'add',
    '198.51.100.0/24',
    'nexthop',
    'via',
    '192.0.2.2',
    'weight',
    '3',
    'nexthop',
    'via',
    '192.0.2.3',
  );
  ip('-6', 'route', 'add', 'unreachable', '::ffff:0:0/96');
  ip('route', 'add', 'throw', '203.0.113.0/24', 'scope', '77');
  const listed = new Map(
    listRoutes(socket, { table: 254 }).map((route) => [String(route.destination), route]),
  );
  assert.deepEqual(listed.get('198.51.100.0/24')?.nextHops, [
    { ifIndex, gateway: '192.0.2.2', weight: 3 },
    { ifIndex, gateway: '192.0.2.3', weight: 1 },
  ]);
  assert.equal(listed.get('::ffff:0:0/96')?.type, 'unreachable');
  assert.deepEqual(
    [listed.get('203.0.113.0/24')?.type, listed.get('203.0.113.0/24')?.scope],
    ['throw', 77],
  );
});

rootTest('routes with next-hop objects have their interfaces and gateways', (context) => {
  const { socket, namespace } = wired(context);
  const lines = [
    'ip nexthop add id 1 via 192.0.2.2 dev veth0',
    'ip nexthop add id 2 via 2001:db8::2 dev veth0',
    'ip nexthop add id 3 dev veth0',
    'ip nexthop add id 6 via 192.0.2.3 dev veth0',
    'ip nexthop add id 5 group 1,3/6,2',
    'ip route add default nhid 1',
    'ip route add 203.0.113.0/25 nhid 2',
    'ip route add 203.0.113.128/25 nhid 3',
    'ip route add 198.51.100.128/25 nhid 5',
    'ip -6 route add default nhid 2',
  ];
  runIn(namespace, 'sh', '-ec', lines.join('\n'));
  const ways = (): readonly object[] =>
    listRoutes(socket, { table: 254, protocol: 3 }).map(
      ({ destination, type, ifIndex: index, gateway, nextHops, nextHopId }) => ({
        ...{ destination, type, index, gateway, nextHops, nextHopId },
      }),
    );
  runIn(namespace, 'sysctl', '-qw', 'net.ipv4.nexthop_compat_mode=1');
  const told = ways();
  assert.equal(told.length, 5);
  runIn(namespace, 'sysctl', '-qw', 'net.ipv4.nexthop_compat_mode=0');
  assert.deepEqual(ways(), told);
});

rootTest('a lookup returns the path of a packet', (context) => {
  const { socket } = wired(context);
  const gateway = parseAddress('192.0.2.254');
  replaceRoute(socket, {
    ...own,
    destination: parsePrefix('198.51.100.0/24'),
    type: 'unicast',
    gateway,
    ifIndex,
  });
  replaceRoute(socket, { ...own, destination: parsePrefix('203.0.113.0/24'), type: 'unreachable' });
  const found = lookUpRoute(socket, parseAddress('198.51.100.9'));
  assert.deepEqual(
    [found?.gateway, found?.ifIndex, found?.source],
    [gateway, ifIndex, '192.0.2.1'],
  );
  assert.equal(lookUpRoute(socket, parseAddress('2001:db8::5'))?.ifIndex, ifIndex);
  assert.throws(() => lookUpRoute(socket, parseAddress('203.0.113.9')), { code: 'EHOSTUNREACH' });
  assert.throws(() => lookUpRoute(socket, parseAddress('2001:db8:ffff::1')), {
    code: 'ENETUNREACH',
  });
});

rootTest('a list whose reading was interrupted does not affect the next', (context) => {
  const { socket } = wired(context);
  batch(socket, (requests) => {
    for (let index = 0; index < 2000; index++) {
      const destination = parsePrefix(`198.18.${index >> 8}.${index & 255}/32`);
      replaceRoute(requests, { ...own, destination, type: 'blackhole' });
    }
  });
  const query = {
    call: 'route list',
    subject: 'IPv4',
    type: 26,
    write: (message: MessageWriter) => message.u32(2).u32(0).u32(0),
  };
  const unreadable = (): never => {
    throw new Error('unreadable');
  };
  for (let round = 0; round < 3; round++) {
    assert.throws(() => socket.dump(query, unreadable), { message: 'unreadable' });
    assert.equal(listRoutes(socket, { protocol: 72 }).length, 2000);
  }
});

rootTest('a thousand routes are written in a batch and read back in a list', (context) => {
  const { socket } = wired(context);
  const range = parsePrefix('198.18.0.0/15');
  const routes = Array.from({ length: 1000 }, (_, index): RouteRecord => {
    const address = addressAt(range, BigInt(index));
    assert.ok(address);
    return { ...own, destination: hostPrefix(address), type: 'unicast', ifIndex, scope: 'link' };
  });
  const outcomes = batch(socket, (requests) => {
    for (const route of routes) replaceRoute(requests, route);
  });
  assert.deepEqual(outcomes, new Array(1000).fill(undefined));
  assert.deepEqual(listRoutes(socket, { protocol: 72, table: 254 }), routes);
});

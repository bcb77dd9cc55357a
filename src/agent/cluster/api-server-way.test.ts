import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import type { RouteRecord } from '../../kernel/netlink/route-record.ts';
import { parseAddress } from '../../net/address.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { ApiServerWay, type ApiServerWayOptions } from './api-server-way.ts';

const hops = { protocol: 72, table: 254, gateway: parseAddress('10.77.0.66') } as const;

function route(destination: string, type: RouteRecord['type'] = 'unicast'): RouteRecord {
  return { destination: parsePrefix(destination), type, ...hops };
}

interface Fake {
  readonly way: ApiServerWay;
  readonly removed: string[];
  readonly told: string[];
}

function fake(routes: readonly RouteRecord[], options: Partial<ApiServerWayOptions>): Fake {
  const removed: string[] = [];
  const told: string[] = [];
  const way = new ApiServerWay({
    servers: async () => ['https://10.77.0.1:6443'],
    nameServers: () => ['10.77.0.53', '[fd00::53]:5353', 'fe80::1%eth0'],
    routes: {
      list: () => routes.filter(({ destination }) => !removed.includes(destination)),
      delete: ({ destination }) => removed.push(destination),
    },
    isWaiting: () => true,
    onRemoved: (text) => told.push(text),
    log: silentLogger,
    ...options,
  });
  return { way, removed, told };
}

const all = [
  route('10.77.0.1/32'),
  route('10.64.0.0/12', 'unreachable'),
  route('10.78.2.0/24'),
  route('fd00:77::/64'),
  route('0.0.0.0/0'),
];

test('routes of heddle that cover the API server are removed before anything has been read', async () => {
  const { way, removed, told } = fake(all, { nameServers: () => [] });
  assert.equal(await way.look(), true);
  assert.deepEqual(removed, ['10.77.0.1/32', '10.64.0.0/12', '0.0.0.0/0']);
  assert.match(
    told[0] ?? '',
    /^removed heddle's route 10.77.0.1\/32 via 10.77.0.66: it kept this node from 10.77.0.1, /,
  );
  assert.equal(await way.look(), false, 'the same addresses are no news');
  assert.deepEqual(way.addresses, ['10.77.0.1']);
});

test('an IPv6 address of the API server counts as well', async () => {
  const { way, removed } = fake(all, {
    servers: async () => ['https://[FD00:77:0::1]:6443'],
    nameServers: () => [],
  });
  await way.look();
  assert.deepEqual(removed, ['fd00:77::/64']);
});

test('an IPv4-mapped address counts as the IPv4 address that the kernel sends to', async () => {
  const routes = [route('10.77.0.1/32'), route('10.78.2.0/24')];
  const { way, removed } = fake(routes, {
    servers: async () => ['https://[::ffff:10.77.0.1]:6443'],
    nameServers: () => [],
  });
  await way.look();
  assert.deepEqual([removed, way.addresses], [['10.77.0.1/32'], ['10.77.0.1']]);
});

test('routes that cover the proxy are removed like those that cover the API server', async () => {
  for (const proxy of [
    'http://10.99.0.5:3128',
    'socks5://10.99.0.5:1080',
    'http://proxy.example',
  ]) {
    const { way, removed } = fake([route('10.99.0.5/32'), route('10.78.2.0/24')], {
      servers: async () => ['https://10.77.0.1:6443', proxy],
      resolve: async (name) => (name === 'proxy.example' ? ['10.99.0.5'] : []),
      nameServers: () => [],
    });
    await way.look();
    assert.deepEqual([removed, way.addresses], [['10.99.0.5/32'], ['10.77.0.1', '10.99.0.5']]);
  }
});

test('routes that cover name servers are removed even if the API server is given by address', async () => {
  const { way, removed } = fake([route('10.77.0.53/32')], {});
  await way.look();
  assert.deepEqual(removed, ['10.77.0.53/32']);
  assert.deepEqual(way.addresses, ['10.77.0.1', '10.77.0.53', 'fd00::53']);
});

test('for a name, routes to the name servers are removed before the lookup, and routes to its addresses after it', async () => {
  const routes = [route('10.77.0.53/32'), route('10.90.0.0/16'), route('10.78.2.0/24')];
  const asked: (readonly string[])[] = [];
  const { way, removed } = fake(routes, {
    servers: async () => ['https://api.example:6443'],
    resolve: async () => {
      asked.push([...removed]);
      return ['10.90.0.1', '10.90.0.2'];
    },
  });
  await way.look();
  assert.deepEqual(asked, [['10.77.0.53/32']]);
  assert.deepEqual(removed, ['10.77.0.53/32', '10.90.0.0/16']);
  assert.deepEqual(way.addresses, ['10.77.0.53', '10.90.0.1', '10.90.0.2', 'fd00::53']);
});

test('once the cluster has been read, no routes are removed, and the addresses are known anyway', async () => {
  const { way, removed } = fake(all, { isWaiting: () => false });
  assert.equal(await way.look(), true);
  assert.deepEqual(removed, []);
});

test('without readable credentials, or for a name without addresses, nothing happens', async () => {
  const unreadable = async (): Promise<never> => {
    throw new Error('no such file');
  };
  for (const options of [
    { servers: unreadable },
    { servers: async () => ['https://api.example'], resolve: unreadable, nameServers: () => [] },
  ]) {
    const { way, removed } = fake(all.slice(0, 1), options);
    assert.equal(await way.look(), false);
    assert.deepEqual([removed, way.addresses], [[], []]);
  }
});

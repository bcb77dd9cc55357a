import assert from 'node:assert/strict';
import fs from 'node:fs';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { addAddress, delAddress } from '../../src/kernel/netlink/address.ts';
import { addBridge } from '../../src/kernel/netlink/bridge.ts';
import { delLink, linkByName, setLink } from '../../src/kernel/netlink/link.ts';
import { replaceNeighbour } from '../../src/kernel/netlink/neighbour.ts';
import {
  type Notification,
  type Subscription,
  subscribe,
} from '../../src/kernel/netlink/notifications.ts';
import { delRoute, replaceRoute } from '../../src/kernel/netlink/route.ts';
import type { RouteRecord } from '../../src/kernel/netlink/route-record.ts';
import { NetlinkSocket } from '../../src/kernel/netlink/socket.ts';
import { addVeth } from '../../src/kernel/netlink/veth.ts';
import { parseAddress } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { parseMac } from '../../src/net/mac.ts';
import { parsePrefix } from '../../src/net/prefix.ts';
import { testNamespace } from '../support/namespaces.ts';
import { rootTest } from '../support/root-test.ts';

const ifIndex = 7 as IfIndex;

function addLink(namespace: NetworkNamespace): void {
  using socket = NetlinkSocket.open({ namespace });
  addVeth(socket, { name: 'veth0', ifIndex, up: true, peer: { name: 'veth1' } });
}

/** Reads until a notification matches, and returns it. */
async function next(
  subscription: Subscription,
  isWanted: (notification: Notification) => boolean,
): Promise<Notification> {
  const iterator = subscription[Symbol.asyncIterator]();
  for (;;) {
    const { value, done } = await iterator.next();
    assert.ok(!done, 'the iteration ended early');
    if (isWanted(value)) return value;
  }
}

rootTest('a link that is created, changed and deleted is reported', async (context) => {
  const namespace = testNamespace(context);
  using socket = NetlinkSocket.open({ namespace });
  using subscription = subscribe({ kinds: ['link'], namespace });
  addLink(namespace);
  setLink(socket, { ifIndex, mtuBytes: 1300 });
  delLink(socket, ifIndex);
  const seen: string[] = [];
  await next(subscription, (notification) => {
    if (notification.kind !== 'link' || notification.link.name !== 'veth0') return false;
    seen.push(`${notification.action} ${notification.link.mtuBytes}`);
    return notification.action === 'del';
  });
  assert.equal(seen[0], 'new 1500');
  assert.ok(seen.includes('new 1300'));
  assert.equal(seen.at(-1), 'del 1300');
});

rootTest('addresses, routes and neighbours of both families are reported', async (context) => {
  const namespace = testNamespace(context);
  addLink(namespace);
  using socket = NetlinkSocket.open({ namespace });
  using subscription = subscribe({ kinds: ['address', 'route', 'neighbour'], namespace });
  const address = { ifIndex, address: parseAddress('192.0.2.1'), prefixLength: 32 };
  const route: RouteRecord = {
    destination: parsePrefix('2001:db8:1::/64'),
    type: 'unreachable',
    protocol: 72,
    table: 254,
  };
  addAddress(socket, address);
  replaceRoute(socket, route);
  delRoute(socket, route);
  delAddress(socket, address);
  replaceNeighbour(socket, {
    ifIndex,
    address: parseAddress('2001:db8::2'),
    mac: parseMac('02:00:5e:10:00:01'),
    state: 'permanent',
  });
  const seen: string[] = [];
  await next(subscription, (notification) => {
    if (notification.kind === 'address')
      seen.push(`address ${notification.action} ${notification.address.address}`);
    if (notification.kind === 'route' && notification.route.protocol === 72)
      seen.push(`route ${notification.action} ${notification.route.destination}`);
    return notification.kind === 'neighbour';
  });
  assert.deepEqual(seen, [
    'address new 192.0.2.1',
    'route new 2001:db8:1::/64',
    'route del 2001:db8:1::/64',
    'address del 192.0.2.1',
  ]);
});

rootTest('a port that leaves its bridge is not reported as a deleted link', async (context) => {
  const namespace = testNamespace(context);
  addLink(namespace);
  using socket = NetlinkSocket.open({ namespace });
  addBridge(socket, { name: 'br0' });
  const bridge = linkByName(socket, 'br0');
  assert.ok(bridge);
  using subscription = subscribe({ kinds: ['link'], namespace });
  setLink(socket, { ifIndex, master: bridge.ifIndex });
  setLink(socket, { ifIndex, master: 'none' });
  setLink(socket, { ifIndex, mtuBytes: 1300 });
  const actions = new Set<string>();
  await next(subscription, (notification) => {
    if (notification.kind !== 'link') return false;
    actions.add(notification.action);
    return notification.link.mtuBytes === 1300;
  });
  assert.deepEqual([...actions], ['new']);
});

rootTest('a waiting reader is woken, and an abort ends it', async (context) => {
  const namespace = testNamespace(context);
  const before = fs.readdirSync('/proc/self/fd').length;
  const abort = new AbortController();
  const seen: string[] = [];
  const reader = (async () => {
    for await (const notification of subscribe({
      kinds: ['link'],
      namespace,
      signal: abort.signal,
    })) {
      if (notification.kind === 'link') seen.push(notification.link.name);
      if (seen.includes('veth0')) abort.abort();
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 20));
  addLink(namespace);
  await reader;
  assert.ok(seen.includes('veth0'));
  assert.equal(fs.readdirSync('/proc/self/fd').length, before);
});

rootTest('an aborted subscription ends immediately while it waits', async (context) => {
  const abort = new AbortController();
  const subscription = subscribe({
    kinds: ['link'],
    namespace: testNamespace(context),
    signal: abort.signal,
  });
  const reader = subscription[Symbol.asyncIterator]().next();
  setTimeout(() => abort.abort(), 10);
  assert.deepEqual(await reader, { done: true, value: undefined });
});

rootTest('more notifications than the kernel keeps end in an overrun', async (context) => {
  const namespace = testNamespace(context);
  addLink(namespace);
  using socket = NetlinkSocket.open({ namespace });
  using subscription = subscribe({ kinds: ['route'], namespace });
  for (let round = 0; round < 4000; round++) {
    replaceRoute(socket, {
      destination: parsePrefix(`198.18.${round >> 8}.${round & 255}/32`),
      type: 'blackhole',
      protocol: 72,
      table: 254,
    });
  }
  const overrun = await next(subscription, ({ kind }) => kind === 'overrun');
  assert.deepEqual(overrun, { kind: 'overrun' });
});

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { addRequest, bench, delRequest, fails, hostIfName } from '../../test/support/pods-bench.ts';
import type { IfIndex } from '../net/if-index.ts';

test('ADD has the record on disk before it changes the kernel, and returns what it created', async () => {
  const { node, pods, store, directory } = bench();
  const recordsAtWire: string[] = [];
  const settle = node.settle.bind(node);
  node.settle = (endpoint) => {
    recordsAtWire.push(...readdirSync(directory));
    assert.deepEqual(pods.endpoints(), [endpoint], 'live when the data path is told');
    return settle(endpoint);
  };
  const endpoint = await pods.add(addRequest(1));
  assert.deepEqual(endpoint, {
    id: 1,
    containerId: 'container-1',
    ifName: 'eth0',
    namespacePath: '/run/netns/cni-1',
    hostIfName,
    hostIfIndex: 10,
    mac: endpoint.mac,
    addresses: ['192.0.2.2', '2001:db8:1::2'],
    mtuBytes: 1500,
    pod: { namespace: 'shop', name: 'web-1' },
    network: 'heddle',
    createdAt: '2026-11-21T12:00:00.000Z',
  });
  assert.match(endpoint.mac, /^02:/);
  assert.deepEqual(store.list(), [endpoint]);
  assert.deepEqual(recordsAtWire, [`${hostIfName}.json`]);
  assert.deepEqual(node.trace, [
    'open /run/netns/cni-1',
    `wire ${hostIfName}`,
    `settle ${hostIfName}`,
    'close',
  ]);
});

test('endpoints() returns the same array until something changes', async () => {
  const { pods } = bench();
  const before = pods.endpoints();
  assert.equal(pods.endpoints(), before);
  await pods.add(addRequest(1));
  const changed = pods.endpoints();
  assert.notEqual(changed, before);
  assert.equal(pods.endpoints(), changed);
});

test('DEL removes the endpoint from the data path before its address is free', async () => {
  const { node, pods, store } = bench();
  const endpoint = await pods.add(addRequest(1));
  node.trace.length = 0;
  const settle = node.settle.bind(node);
  node.settle = (removed) => {
    assert.equal(removed, endpoint);
    assert.deepEqual([pods.endpoints(), store.list()], [[], [endpoint]]);
    return settle(removed);
  };
  await pods.del(delRequest(1));
  assert.deepEqual(store.list(), []);
  assert.deepEqual(node.trace, [`unwire ${hostIfName}`, `settle ${hostIfName}`]);
  await pods.del(delRequest(1));
});

test('CHECK compares the interface, the data path and the record, and lists all differences', async () => {
  const { node, pods } = bench();
  const endpoint = await pods.add(addRequest(1));
  const { kind: _, pod: __, ...common } = addRequest(1);
  const previous = {
    interfaces: [{ name: 'eth0', mac: endpoint.mac.toUpperCase(), sandbox: common.namespacePath }],
    addresses: endpoint.addresses,
  };
  await pods.check({ ...common, kind: 'check', previous });
  node.missing = ['routes 192.0.2.2/32 is missing', 'endpoints 10 was changed'];
  const request = { ...common, kind: 'check', previous: { ...previous, addresses: [] } } as const;
  await assert.rejects(
    pods.check(request),
    fails(
      'endpointDiffers',
      /^CHECK .*: routes 192.0.2.2\/32 is missing; endpoints 10 was changed; prevResult does not have/,
    ),
  );
});

test('operations of one container are sequential, those of others concurrent', async () => {
  const { node, pods } = bench();
  const results = await Promise.allSettled([
    pods.add(addRequest(1)),
    pods.del(delRequest(1)),
    pods.add(addRequest(2)),
    pods.add(addRequest(1, '/run/netns/other')),
  ]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'fulfilled', 'fulfilled'],
  );
  assert.equal(pods.endpoints().length, 2);
  const ofFirst = node.trace.filter((line) => line.includes(hostIfName));
  assert.deepEqual(
    ofFirst.map((line) => line.split(' ')[0]),
    ['wire', 'settle', 'unwire', 'settle', 'wire', 'settle'],
  );
  const secondStarts = node.trace.indexOf('open /run/netns/cni-2');
  assert.ok(secondStarts < node.trace.indexOf(`unwire ${hostIfName}`));
});

test('a link left without a record is deleted before the pod is recreated', async () => {
  const { node, pods } = bench();
  node.links.set(hostIfName, 7 as IfIndex);
  await pods.add(addRequest(1));
  assert.deepEqual(
    node.trace.map((line) => line.split(' ')[0]),
    ['open', 'taken', 'unwire', 'wire', 'settle', 'close'],
  );
});

test('a pod that already has such an interface keeps it, with its link and without a record', async () => {
  const { node, pods, store } = bench();
  node.links.set(hostIfName, 7 as IfIndex);
  const { namespacePath } = addRequest(1);
  node.inPods.add(`${namespacePath}/eth0`);
  await assert.rejects(pods.add(addRequest(1)), fails('interfaceExists', /eth0/));
  assert.deepEqual([[...node.links], store.list()], [[[hostIfName, 7]], []]);
  assert.deepEqual(node.trace, [`open ${namespacePath}`, `taken ${hostIfName}`, 'close']);
});

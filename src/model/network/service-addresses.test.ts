import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SnapshotMap } from '../../base/collections/snapshot-map.ts';
import type { ClusterService } from '../../cluster/objects.ts';
import { type Address, parseAddress } from '../../net/address.ts';
import { hostPrefix, parsePrefix } from '../../net/prefix.ts';
import type { NetworkNodes } from '../network-nodes.ts';
import { orderedPrefix } from '../prefix-order.ts';
import { FollowedServices } from './service-addresses.ts';

const nodes: NetworkNodes = new Map([
  [
    'n1',
    {
      name: 'n1',
      podCidrs: [parsePrefix('10.78.1.0/24')],
      addresses: [parseAddress('10.77.0.11')],
    },
  ],
]);

function service(name: string, external: readonly string[], cluster: readonly string[] = []) {
  const made: ClusterService = {
    ...{ namespace: 'shop', name, labels: {}, annotations: {}, type: 'ClusterIP', ports: [] },
    clusterAddresses: cluster.map((text) => parseAddress(text)),
    externalAddresses: external.map((text) => parseAddress(text)),
  };
  return made;
}

function externals(from: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    const number = from + index;
    return `198.${18 + (number >> 16)}.${(number >> 8) & 255}.${number & 255}`;
  });
}

function firstIn(
  services: ReadonlyMap<string, ClusterService>,
  range: string,
  subject = new FollowedServices(),
) {
  return subject.follow(services, nodes).firstIn(orderedPrefix(parsePrefix(range)))?.service;
}

test('a change of one of many Services examines only that one, and a Node only if it claims its address', () => {
  let looked = 0;
  const watched = (name: string, external: readonly string[], cluster: readonly string[]) => {
    const made = service(name, [], cluster);
    const list = external.map((text) => parseAddress(text));
    Object.defineProperty(made, 'externalAddresses', {
      get: (): readonly Address[] => {
        looked++;
        return list;
      },
    });
    return made;
  };
  const map = new SnapshotMap<ClusterService>();
  // There is room for all external addresses.
  for (let index = 0; index < 5_000; index++) {
    map.set(
      `shop/${index}`,
      watched(`${index}`, externals(index * 2, index < 1_000 ? 2 : 0), [
        `10.96.${index >> 8}.${index & 255}`,
      ]),
    );
  }
  const subject = new FollowedServices();
  const before = subject.follow(map.snapshot(), nodes);
  looked = 0;
  map.set('shop/7', watched('7', ['203.0.113.7'], ['10.97.0.7']));
  assert.equal(subject.follow(map.snapshot(), nodes), before);
  assert.ok(looked < 10, String(looked));
  assert.equal(firstIn(map.snapshot(), '203.0.113.0/24', subject), 'shop/7');
  assert.equal(firstIn(map.snapshot(), '10.97.0.0/16', subject), 'shop/7');
  assert.equal(firstIn(map.snapshot(), '198.18.0.14/31', subject), undefined, 'what it had');
  assert.equal(firstIn(map.snapshot(), '198.18.0.12/30', subject), 'shop/6');
  for (const [external, cluster, isClaimed] of [
    ['10.78.1.9', '10.97.0.7', true],
    ['203.0.113.7', '10.78.1.9', true],
    ['203.0.113.7', '10.77.0.11', true],
    ['203.0.113.7', '10.97.0.7', true],
    // Any tenant may write the address of a Node there, and many do.
    ['10.77.0.11', '10.97.0.7', false],
  ] as const) {
    const known = subject.follow(map.snapshot(), nodes);
    map.set('shop/7', watched('7', [external], [cluster]));
    const found = subject.follow(map.snapshot(), nodes);
    assert.equal(found !== known, isClaimed, `${external} ${cluster}`);
  }
  const known = subject.follow(map.snapshot(), nodes);
  assert.notEqual(subject.follow(map.snapshot(), new Map(nodes)), known);
});

test('a Service with an address of this node is examined', () => {
  const local = [
    { ...{ address: parseAddress('10.96.0.10'), prefixLength: 32 }, ifName: 'nodelocaldns' },
  ].map((each) => ({ ...each, leadsNowhere: true }));
  const map = new SnapshotMap<ClusterService>();
  const subject = new FollowedServices();
  const without = subject.follow(map.snapshot(), nodes, local);
  map.set('kube-system/dns', service('dns', [], ['10.96.0.10']));
  const present = subject.follow(map.snapshot(), nodes, local);
  assert.notEqual(present, without);
  map.set('kube-system/web', service('web', [], ['10.96.0.11']));
  assert.equal(subject.follow(map.snapshot(), nodes, local), present);
});

test('a cluster address comes before external ones, and the oldest of equal ones first', () => {
  const services = new Map([
    ['shop/a', { ...service('a', ['10.78.1.1'], ['10.96.0.1']), createdAt: 1 }],
    ['shop/b', { ...service('b', [], ['10.78.1.5']), createdAt: 9 }],
    ['shop/c', { ...service('c', [], ['10.78.1.5']), createdAt: 2 }],
  ]);
  assert.equal(firstIn(services, '10.78.1.0/24'), 'shop/c');
  assert.equal(firstIn(services, hostPrefix(parseAddress('10.78.1.1'))), 'shop/a');
});

test('external addresses beyond a common limit are omitted until there is room', () => {
  const all = Array.from(
    { length: 300 },
    (_, index) => [`shop/${index}`, service(`${index}`, externals(index * 64, 64))] as const,
  );
  const services = new Map(all);
  const subject = new FollowedServices();
  assert.equal(firstIn(services, '198.18.16.0/32', subject), undefined);
  assert.deepEqual(subject.problems(), [
    {
      object: 'Services',
      text: 'external addresses of 236 Services are not compared with pod ranges: all Services together have more than 4096',
    },
  ]);
  assert.equal(subject.problems(), subject.problems());
  const fewer = new Map(all.slice(240));
  assert.equal(firstIn(fewer, '198.18.74.192/32', subject), 'shop/299');
  assert.deepEqual(subject.problems(), []);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClusterObject, parseObject } from '../parse-object.ts';
import { ObjectStore } from './object-store.ts';
import { readObject } from './resources.ts';
import { cutOf } from './trim.ts';

function node(ranges: readonly unknown[], addresses: readonly string[] = ['192.0.2.1']): object {
  return {
    metadata: { name: 'node-1', creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { podCIDRs: ranges },
    status: { addresses: addresses.map((address) => ({ type: 'InternalIP', address })) },
  };
}

function nodeStore(): ObjectStore<ClusterObject['object']> {
  return new ObjectStore(
    (key, raw) => readObject('Node', key, raw),
    () => undefined,
  );
}

function rangesOf(store: ObjectStore<ClusterObject['object']>): unknown {
  const found = store.view().get('node-1');
  return found !== undefined && 'podCidrs' in found ? found.podCidrs : undefined;
}

function told(store: ObjectStore<ClusterObject['object']>): readonly (readonly [string, string])[] {
  return Array.from(store.problems, ({ text, consequence }) => [text, consequence] as const);
}

const bad: readonly (readonly [unknown, string])[] = [
  [
    '10.0.1.7/24',
    '10.0.1.7/24 has bits set beyond its prefix length: the range would be 10.0.1.0/24',
  ],
  ['fd00::1/64', 'fd00::1/64 has bits set beyond its prefix length: the range would be fd00::/64'],
  [
    '::ffff:10.0.0.0/120',
    '::ffff:10.0.0.0/120 is a prefix of IPv4-mapped IPv6 addresses, which is not supported',
  ],
  ['010.0.0.0/24', '010.0.0.0/24 is not a CIDR prefix (address/length)'],
  ['\x1b[2J', '"\\u001b[2J" is not a CIDR prefix (address/length)'],
  [7, '7 is not a string'],
];
for (const [range, why] of bad) {
  test(`the range ${JSON.stringify(range)} does not invalidate a valid one of its Node`, () => {
    const store = nodeStore();
    store.set('node-1', node([range, '10.0.2.0/24']));
    assert.deepEqual(rangesOf(store), ['10.0.2.0/24']);
    const [[text, consequence] = ['', '']] = told(store);
    assert.ok(text.includes('Node node-1: spec.podCIDRs[0]: '), text);
    assert.match(consequence, /^this value is ignored/);
    assert.ok(text.endsWith(why), text);
    store.set('node-1', node([range, '10.0.3.0/24']));
    assert.deepEqual(
      rangesOf(store),
      ['10.0.3.0/24'],
      'still no good version: the rest is followed',
    );
    store.set('node-1', node(['10.0.4.0/24']));
    assert.deepEqual([rangesOf(store), told(store)], [['10.0.4.0/24'], []]);
    store.set('node-1', node([range]));
    assert.deepEqual(rangesOf(store), ['10.0.4.0/24'], 'the last good version stays');
    assert.match(told(store)[0]?.[1] ?? '', /^the last good version/);
  });
}

const withUid = (uid: string, ranges: readonly unknown[]): object => {
  const object = node(ranges) as { readonly metadata: object };
  return { ...object, metadata: { ...object.metadata, uid } };
};

for (const by of ['a watch', 'a list'] as const) {
  test(`a flawed Node that ${by} shows with another uid keeps no value of its predecessor`, () => {
    const store = nodeStore();
    const set = (raw: object): void => {
      const list = by === 'a list' ? store.replace() : undefined;
      (list ?? store).set('node-1', raw);
      list?.commit();
    };
    set(withUid('u-1', ['10.0.2.0/24']));
    set(withUid('u-1', ['10.0.3.7/24']));
    assert.deepEqual(
      rangesOf(store),
      ['10.0.2.0/24'],
      'the same object keeps its last good version',
    );
    set(withUid('u-2', ['10.0.3.7/24', '10.0.4.0/24']));
    assert.deepEqual(rangesOf(store), ['10.0.4.0/24']);
    assert.match(told(store)[0]?.[1] ?? '', /^this value is ignored/);
    const unusable = withUid('u-3', []) as { readonly metadata: object };
    set({ ...unusable, metadata: { ...unusable.metadata, creationTimestamp: 5 } });
    assert.equal(store.view().size, 0);
    assert.match(told(store)[0]?.[1] ?? '', /^this object is ignored/);
    set(withUid('u-3', ['10.0.5.0/24']));
    assert.deepEqual([rangesOf(store), told(store)], [['10.0.5.0/24'], []]);
  });
}

test('an invalid InternalIP invalidates neither the others nor the ranges', () => {
  const store = nodeStore();
  store.set('node-1', node(['10.0.2.0/24'], ['fe80::1%eth0', '192.0.2.1']));
  assert.deepEqual(rangesOf(store), ['10.0.2.0/24']);
  assert.match(
    told(store)[0]?.[0] ?? '',
    /status\.addresses\[0\]\.address: fe80::1%eth0 is not an/,
  );
});

test('an unusable object counts as sent by the API server', () => {
  const store = nodeStore();
  store.set('node-1', node(['10.0.0.0/24']));
  store.set('node-2', { metadata: { name: 'node-2', uid: 5 } });
  assert.equal(store.size, 1);
  assert.equal(store.told, 2);
  store.delete('node-2');
  assert.equal(store.told, 1);
});

const service = (externals: number, from = 0): object => ({
  metadata: { namespace: 'shop', name: 'a' },
  spec: {
    externalIPs: Array.from({ length: externals }, (_, index) => {
      const number = from + index;
      return `198.51.${number >> 8}.${number & 255}`;
    }),
  },
});

function serviceStore(): ObjectStore<ClusterObject['object']> {
  return new ObjectStore(
    // Without the cut of lists, which would leave nothing to the budget.
    (key, raw) => parseObject({ kind: 'Service', key }, raw, 'API server').object,
    () => undefined,
    { kind: 'Service', budget: { object: 20_000, resource: 50_000 } },
  );
}

function externals(store: ObjectStore<ClusterObject['object']>): readonly number[] {
  const byKey = [...store.view()].sort(([left], [right]) => (left < right ? -1 : 1));
  return byKey.map(([, object]) =>
    'externalAddresses' in object ? object.externalAddresses.length : -1,
  );
}

test('an object that is too large is kept with its first addresses and reported', () => {
  const store = serviceStore();
  store.set('shop/a', service(5_000));
  assert.deepEqual(externals(store), [32]);
  assert.deepEqual(told(store), [
    [
      'API server: Service shop/a: the fields that are read have more than 20000 bytes',
      'only their names and first addresses are used',
    ],
  ]);
  store.set('shop/a', service(100));
  assert.deepEqual(externals(store), [100]);
  assert.deepEqual(told(store), []);
});

test('objects beyond the limit of their kind are kept with their first addresses and reported as one', () => {
  const store = serviceStore();
  const small = 'shop/small';
  for (let index = 0; index < 6; index++) store.set(`shop/${index}`, service(1_000));
  store.set(small, service(3));
  assert.deepEqual(externals(store), [1_000, 1_000, 1_000, 32, 32, 32, 3]);
  assert.deepEqual(told(store), [
    [
      'API server: Service: 3 do not fit into the 50000 bytes for all objects of this kind',
      'only their names and first addresses are used',
    ],
  ]);
  for (const index of [0, 1, 2]) store.delete(`shop/${index}`);
  store.set('shop/3', service(1_000));
  assert.deepEqual(externals(store), [1_000, 32, 32, 3]);
  // A list contains everything again: deleted objects take no room.
  const list = store.replace();
  for (const index of [4, 5, 6]) list.set(`shop/${index}`, service(1_000, 7));
  list.commit();
  assert.deepEqual(externals(store), [1_000, 1_000, 1_000]);
  assert.deepEqual(told(store), []);
});

const unusable = (key: string): object => ({ metadata: { name: key, uid: 5 } });

test('a hundred unusable objects are named, and the others counted', () => {
  for (const by of ['watch', 'list']) {
    const store = nodeStore();
    const list = by === 'list' ? store.replace() : undefined;
    for (let index = 0; index < 150; index++)
      (list ?? store).set(`n${index}`, unusable(`n${index}`));
    list?.commit();
    const shown = [...store.problems];
    assert.equal(shown.length, 101);
    assert.match(shown.at(-1)?.text ?? '', /: 50 more cannot be used as written$/);
    assert.equal(shown.at(-1)?.count, 50);
    assert.equal(store.told, 150);
    assert.ok(store.has('n149'));
    // Their room is for others, and a list shows which objects have it.
    for (let index = 0; index < 90; index++) store.delete(`n${index}`);
    const next = store.replace();
    for (let index = 90; index < 150; index++) next.set(`n${index}`, unusable(`n${index}`));
    next.commit();
    assert.equal(told(store).length, 60);
    assert.ok(told(store).every(([text]) => text.includes('metadata.uid')));
  }
});

test('a list that waits for confirmation removes no problem', () => {
  const store = nodeStore();
  store.set('a', unusable('a'));
  store.set('b', unusable('b'));
  const list = store.replace();
  list.set('a', node(['10.0.2.0/24']));
  list.commit(new Set(['b']));
  assert.equal(told(store).length, 1);
  assert.ok(store.has('b'));
});

test('lists are cut before their items are parsed, which is reported in one line', () => {
  let changes = 0;
  const store = new ObjectStore(
    (key, raw) => readObject('Service', key, raw),
    () => changes++,
    { kind: 'Service', cutOf: (raw) => cutOf('Service', raw) },
  );
  // An address is converted to text when it is read.
  let looked = 0;
  const externalIPs = Array.from({ length: 50_000 }, () => '198.51.100.1');
  const counted = new Proxy(externalIPs, {
    get: (target, field): unknown => {
      if (typeof field === 'string' && /^\d+$/.test(field)) looked++;
      return Reflect.get(target, field);
    },
  });
  const raw = (externals: readonly string[]): object => ({
    metadata: { namespace: 'shop', name: 'a' },
    spec: { clusterIP: '192.0.2.80', externalIPs: externals },
  });
  store.set('shop/a', raw(counted));
  assert.ok(looked <= 64, String(looked));
  const text = 'spec.externalIPs has 50000 items; only the first 64 are used';
  const consequence = 'the other items have no effect';
  assert.deepEqual(told(store), [[`API server: Service shop/a: ${text}`, consequence]]);
  store.set('shop/b', raw(externalIPs));
  assert.deepEqual(told(store), [
    [`API server: Service shop/a: ${text}; 1 more have such lists`, consequence],
  ]);
  store.delete('shop/a');
  store.set('shop/b', raw(['198.51.100.1']));
  assert.deepEqual([told(store), changes], [[], 4]);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterObject } from '../parse-object.ts';
import { ObjectStore } from './object-store.ts';
import { readObject } from './resources.ts';

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
  ['10.0.1.7/24', '10.0.1.7/24 has bits set behind its length: the range would be 10.0.1.0/24'],
  ['fd00::1/64', 'fd00::1/64 has bits set behind its length: the range would be fd00::/64'],
  [
    '::ffff:10.0.0.0/120',
    '::ffff:10.0.0.0/120 is a prefix of IPv4 addresses written as IPv6, which is not supported',
  ],
  ['010.0.0.0/24', '010.0.0.0/24 is not a CIDR prefix (address/length)'],
  ['\x1b[2J', '"\\u001b[2J" is not a CIDR prefix (address/length)'],
  [7, '7 is not a string'],
];
for (const [range, why] of bad) {
  test(`the range ${JSON.stringify(range)} takes no good one of its Node with it`, () => {
    const store = nodeStore();
    store.set('node-1', node([range, '10.0.2.0/24']));
    assert.deepEqual(rangesOf(store), ['10.0.2.0/24']);
    const [[text, consequence] = ['', '']] = told(store);
    assert.ok(text.includes('Node node-1: spec.podCIDRs[0]: '), text);
    assert.match(consequence, /^this value is left out/);
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

test('an InternalIP that is none takes neither the others nor the ranges with it', () => {
  const store = nodeStore();
  store.set('node-1', node(['10.0.2.0/24'], ['fe80::1%eth0', '192.0.2.1']));
  assert.deepEqual(rangesOf(store), ['10.0.2.0/24']);
  assert.match(
    told(store)[0]?.[0] ?? '',
    /status\.addresses\[0\]\.address: fe80::1%eth0 is not an/,
  );
});

test('what cannot be used counts among what the API server told', () => {
  const store = nodeStore();
  store.set('node-1', node(['10.0.0.0/24']));
  store.set('node-2', { metadata: { name: 'node-2', labels: { app: 5 } } });
  assert.equal(store.size, 1);
  assert.equal(store.told, 2);
  store.delete('node-2');
  assert.equal(store.told, 1);
});

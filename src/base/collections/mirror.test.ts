import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeyedCollection } from './collection.ts';
import { Copy, Mirror, Reader } from './mirror.ts';
import { SnapshotMap } from './snapshot-map.ts';

test('a mirror equals the last map, also if that map is an earlier one', () => {
  const map = new SnapshotMap<number>();
  const mirror = new Mirror<number>();
  map.set('a', 1);
  map.set('b', 2);
  const first = map.snapshot();
  map.set('a', 3);
  map.delete('b');
  const second = map.snapshot();
  for (const [given, revision] of [
    [first, 2],
    [first, 2],
    [second, 4],
    [first, 6],
    [new Map([['b', 2]]), 7],
  ] as const) {
    mirror.follow(given);
    assert.deepEqual(new Map(mirror.entries), new Map(given));
    assert.equal(mirror.entries.revision, revision);
  }
});

test("a value that is equal by the mirror's rule keeps its reference", () => {
  const mirror = new Mirror<{ id: number }>({ equal: (left, right) => left.id === right.id });
  const first = { id: 1 };
  mirror.follow(new Map([['a', first]]));
  mirror.follow(new Map([['a', { id: 1 }]]));
  assert.equal(mirror.entries.get('a'), first);
  assert.equal(mirror.entries.revision, 1);
});

test('a reader returns what differs from its last read', () => {
  const source = new KeyedCollection<string, number>();
  const reader = new Reader<string, number>();
  source.set('a', 1);
  source.set('b', 2);
  assert.equal(reader.read(source).length, 2);
  source.set('a', 7);
  source.delete('b');
  source.set('c', 3);
  source.set('d', 4);
  source.delete('d');
  assert.deepEqual(Object.fromEntries(reader.known), { a: 1, b: 2 });
  assert.deepEqual(reader.read(source), [
    { key: 'a', before: 1, after: 7 },
    { key: 'b', before: 2, after: undefined },
    { key: 'c', before: undefined, after: 3 },
  ]);
  assert.deepEqual(reader.read(source), []);
  // It returned unchanged.
  source.delete('a');
  source.set('a', 7);
  assert.deepEqual(reader.read(source), []);
});

/** One that holds a, b and c, and another that holds c and d. */
function twoSources(): readonly [KeyedCollection<string, number>, KeyedCollection<string, number>] {
  const [first, second] = [
    new KeyedCollection<string, number>(),
    new KeyedCollection<string, number>(),
  ];
  for (const key of ['a', 'b', 'c']) first.set(key, 1);
  second.set('c', 1);
  second.set('d', 2);
  return [first, second];
}

test('a reader of another collection compares the whole collection', () => {
  const [first, second] = twoSources();
  const reader = new Reader<string, number>();
  reader.read(first);
  assert.deepEqual(reader.read(second), [
    { key: 'a', before: 1, after: undefined },
    { key: 'b', before: 1, after: undefined },
    { key: 'd', before: undefined, after: 2 },
  ]);
  assert.deepEqual(Object.fromEntries(reader.known), { c: 1, d: 2 });
});

test('a copy stays the same until it follows, and unchanged entries keep their revision', () => {
  const [first, second] = twoSources();
  const copy = new Copy<string, number>();
  copy.follow(first);
  const { revision } = copy.entries;
  first.set('a', 7);
  assert.equal(copy.entries.get('a'), 1);
  copy.follow(first);
  assert.deepEqual(copy.entries.changesSince(revision), [{ kind: 'changed', key: 'a', value: 7 }]);
  copy.follow(second);
  assert.deepEqual(Object.fromEntries(copy.entries), { c: 1, d: 2 });
});

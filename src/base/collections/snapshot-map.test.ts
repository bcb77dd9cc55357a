import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mapOperations } from '../../../test/support/counted-maps.ts';
import { changesBetween, SnapshotMap } from './snapshot-map.ts';

const sorted = (map: ReadonlyMap<string, number>): readonly (readonly [string, number])[] =>
  [...map].sort(([left], [right]) => (left < right ? -1 : 1));

test('a snapshot stays as it was while the map changes, in any order', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const map = new SnapshotMap<number>();
  const model = new Map<string, number>();
  const taken: (readonly [ReadonlyMap<string, number>, ReadonlyMap<string, number>])[] = [];
  for (let step = 0; step < 5_000; step++) {
    const key = `namespace/pod-${random(300)}`;
    if (random(3) === 0) assert.equal(map.delete(key), model.delete(key));
    else {
      map.set(key, step);
      model.set(key, step);
    }
    if (random(50) === 0) taken.push([map.snapshot(), new Map(model)]);
  }
  assert.equal(map.size, model.size);
  for (const [snapshot, expected] of taken) {
    assert.deepEqual(sorted(snapshot), sorted(expected));
    assert.equal(snapshot.size, expected.size);
    assert.deepEqual([...snapshot.keys()].sort(), [...expected.keys()].sort());
    assert.equal([...snapshot.values()].length, expected.size);
    for (const [key, value] of expected) assert.equal(snapshot.get(key), value);
    assert.ok(!snapshot.has('namespace/none') && snapshot.get('namespace/none') === undefined);
  }
});

test('the same snapshot is returned while nothing changes, and unchanged maps keep their order', () => {
  const map = new SnapshotMap<number>();
  for (let index = 0; index < 1_000; index++) map.set(`key-${index}`, index);
  const first = map.snapshot();
  assert.equal(map.delete('none'), false);
  assert.equal(map.snapshot(), first);
  map.set('key-1', -1);
  const second = map.snapshot();
  assert.notEqual(second, first);
  assert.deepEqual([...second.keys()], [...first.keys()]);
  const seen: string[] = [];
  second.forEach((value, key, all) => {
    assert.ok(all === second && second.get(key) === value);
    seen.push(key);
  });
  assert.deepEqual(seen, [...second.keys()]);
});

test('changes between two snapshots are the differences, and only copied parts are compared', () => {
  const map = new SnapshotMap<number>();
  for (let index = 0; index < 6_400; index++) map.set(`key-${index}`, index);
  const before = map.snapshot();
  map.set('key-7', -7);
  map.set('new', 1);
  map.delete('key-9');
  const after = map.snapshot();
  const expected = [{ key: 'key-9' }, { key: 'key-7', after: -7 }, { key: 'new', after: 1 }];
  const byKey = (left: { key: string }, right: { key: string }): number =>
    left.key < right.key ? -1 : 1;
  assert.deepEqual([...changesBetween(before, after)].sort(byKey), expected.sort(byKey));
  // Plain maps as well.
  const plain = changesBetween(new Map(before), new Map(after));
  assert.deepEqual([...plain].sort(byKey), expected);
  assert.deepEqual(changesBetween(after, after), []);
});

/** The cost of changing one of `count` entries, of a snapshot and of reading the difference. */
function costOfChange(count: number, keyOf: (index: number) => string): number {
  const map = new SnapshotMap<number>();
  for (let index = 0; index < count; index++) map.set(keyOf(index), index);
  const before = map.snapshot();
  return mapOperations(() => {
    map.set(keyOf(7), -7);
    assert.deepEqual(changesBetween(before, map.snapshot()), [{ key: keyOf(7), after: -7 }]);
  });
}

test('a change costs the same among a hundred entries and among a hundred thousand', () => {
  for (const count of [100, 10_000, 100_000]) {
    const cost = costOfChange(count, (index) => `namespace-${index % 100}/pod-${index}`);
    assert.ok(cost < 250, `${cost} operations among ${count}`);
  }
});

/** FNV-1a, starting from a given state. */
function hashed(state: number, text: string): number {
  let hash = state;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return hash;
}

/**
 * After the pairs before it, either part of a pair gives the same hash. Anyone who may choose names finds such a pair
 * within about 2 ** 16 tries; here, that search would take longer than the test.
 */
const collidingParts = [
  ['e6ad', '7yzx'],
  ['epad', '33zx'],
  ['epad', '33zx'],
  ['epad', '33zx'],
  ['epad', '33zx'],
  ['epad', '33zx'],
  ['epad', '33zx'],
] as const;

/** 2 ** 7 names with one hash. */
function namesOfOneHash(): readonly string[] {
  let names = [''];
  for (const parts of collidingParts)
    names = names.flatMap((name) => parts.map((part) => name + part));
  return names;
}

test('names that were chosen for their hashes only make one leaf large', () => {
  const names = namesOfOneHash();
  assert.equal(new Set(names).size, 128);
  assert.equal(new Set(names.map((name) => hashed(0x811c9dc5, name))).size, 1);
  const keyOf = (index: number): string => names[index] ?? `pod-${index}`;
  assert.ok(costOfChange(1_000, keyOf) < 1_000);
  const map = new SnapshotMap<string>();
  for (const name of names) map.set(name, name);
  const all = map.snapshot();
  assert.deepEqual([...all.keys()].sort(), [...names].sort());
  for (const name of names) assert.equal(map.delete(name), true);
  assert.equal(map.snapshot().size, 0);
  assert.equal(changesBetween(all, map.snapshot()).length, names.length);
});

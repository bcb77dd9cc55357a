import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Entries, KeyedCollection } from '../base/collections/collection.ts';
import { DesiredEntries } from './desired-entries.ts';
import type { EntryGroup } from './table.ts';

const group = (...pairs: (readonly [string, number])[]): EntryGroup<number> => pairs;

type Groups = readonly EntryGroup<number>[];

function ofGroups(): DesiredEntries<Groups, number, never> {
  return new DesiredEntries<Groups, number, never>({ groups: (groups) => groups });
}

test('an unchanged group is skipped; an added or removed one makes its keys dirty', () => {
  const desired = ofGroups();
  const stays = group(['a', 1], ['b', 2]);
  const goes = group(['c', 3]);
  assert.deepEqual([...desired.update([stays, goes])], ['a', 'b', 'c']);
  assert.deepEqual([...desired.update([group(['d', 4]), stays])], ['c', 'd']);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 1, b: 2, d: 4 });
  assert.deepEqual([...desired.update([])].sort(), ['a', 'b', 'd']);
  assert.equal(desired.entries.size, 0);
});

test('a replaced group changes the values of its keys', () => {
  const desired = ofGroups();
  desired.update([group(['a', 1], ['b', 2])]);
  assert.deepEqual([...desired.update([group(['a', 10])])], ['a', 'b']);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 10 });
});

test("a key wanted by two groups has the later group's value, and the other's when that is removed", () => {
  const desired = ofGroups();
  const first = group(['a', 1], ['b', 2]);
  const second = group(['a', 10]);
  desired.update([first, second]);
  assert.equal(desired.entries.get('a'), 10);
  assert.ok(desired.update([first]).has('a'));
  assert.equal(desired.entries.get('a'), 1);
  assert.ok(desired.update([second, first]).has('a'));
  assert.equal(desired.entries.get('a'), 1);
});

test('a group that takes over a key while its owner is removed leaves nothing behind', () => {
  const desired = ofGroups();
  const old = group(['a', 1], ['old', 1]);
  const next = group(['a', 2], ['b', 2]);
  const other = group(['b', 3]);
  desired.update([old]);
  const dirty = desired.update([next, other]);
  assert.deepEqual([...dirty].sort(), ['a', 'b', 'old']);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 2, b: 3 });
});

test('a group given twice stays until both are removed', () => {
  const desired = ofGroups();
  const twice = group(['a', 1]);
  const other = group(['b', 2]);
  desired.update([twice, other, twice]);
  desired.update([twice, other]);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 1, b: 2 });
  desired.update([other]);
  assert.deepEqual(Object.fromEntries(desired.entries), { b: 2 });
});

test('groups in another order are the same entries, and nothing is dirty', () => {
  const desired = ofGroups();
  const groups = [group(['a', 1]), group(['b', 2]), group(['c', 3]), group(['d', 4])];
  desired.update(groups);
  assert.equal(desired.update(groups.toReversed()).size, 0);
  assert.equal(desired.entries.size, 4);
});

interface Given {
  readonly items: Entries<string, readonly number[]>;
  readonly first?: EntryGroup<number>;
  readonly last?: EntryGroup<number>;
}

/** Each item brings a key for each of its numbers; `seen` has the items that were asked for theirs. */
function ofItems() {
  const seen: (readonly number[])[] = [];
  const [noFirst, noLast]: EntryGroup<number>[] = [[], []];
  const desired = new DesiredEntries<Given, number, readonly number[]>({
    groups: ({ first = noFirst ?? [] }) => [first],
    items: {
      of: ({ items }) => items,
      entriesOf: (numbers) => {
        seen.push(numbers);
        return numbers.map((each) => [`k${each}`, each * 10]);
      },
    },
    lastGroups: ({ last = noLast ?? [] }) => [last],
  });
  return { desired, seen };
}

test('of a collection of items only those that changed are looked at', () => {
  const { desired, seen } = ofItems();
  const items = new KeyedCollection<string, readonly number[]>();
  for (let index = 0; index < 1_000; index++) items.set(`i${index}`, [index, index + 5_000]);
  assert.equal(desired.update({ items }).size, 2_000);
  seen.length = 0;
  assert.equal(desired.update({ items }).size, 0);
  items.set('i7', [7, 9_000]);
  items.delete('i8');
  items.set('new', [9_001]);
  assert.deepEqual([...desired.update({ items })].sort(), [
    'k5007',
    'k5008',
    'k7',
    'k8',
    'k9000',
    'k9001',
  ]);
  assert.deepEqual(seen, [[7, 9_000], [9_001]]);
  assert.equal(desired.entries.size, 1_999);
});

test('another collection of items is looked at as a whole, and what is not in it goes', () => {
  const { desired } = ofItems();
  const [before, after] = [
    new KeyedCollection<string, number[]>(),
    new KeyedCollection<string, number[]>(),
  ];
  before.set('a', [1]);
  before.set('b', [2]);
  after.set('b', [2, 3]);
  desired.update({ items: before });
  desired.update({ items: after });
  assert.deepEqual(Object.fromEntries(desired.entries), { k2: 20, k3: 30 });
});

test('an item comes before the first groups, and the last groups before every item', () => {
  const { desired } = ofItems();
  const items = new KeyedCollection<string, readonly number[]>();
  const [first, last] = [group(['k1', -1], ['k2', -1]), group(['k2', -2], ['k3', -2])];
  desired.update({ items, first, last });
  assert.deepEqual(Object.fromEntries(desired.entries), { k1: -1, k2: -2, k3: -2 });
  items.set('a', [1, 2, 3]);
  desired.update({ items, first, last });
  assert.deepEqual(Object.fromEntries(desired.entries), { k1: 10, k2: -2, k3: -2 });
  desired.update({ items, first });
  assert.deepEqual(Object.fromEntries(desired.entries), { k1: 10, k2: 20, k3: 30 });
  items.delete('a');
  desired.update({ items, first });
  assert.deepEqual(Object.fromEntries(desired.entries), { k1: -1, k2: -1 });
});

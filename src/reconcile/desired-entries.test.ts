import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DesiredEntries } from './desired-entries.ts';
import type { EntryGroup } from './table.ts';

const group = (...pairs: (readonly [string, number])[]): EntryGroup<number> => pairs;

test('an unchanged group is skipped; an added or removed one makes its keys dirty', () => {
  const desired = new DesiredEntries<number>();
  const stays = group(['a', 1], ['b', 2]);
  const goes = group(['c', 3]);
  assert.deepEqual([...desired.update([stays, goes])], ['a', 'b', 'c']);
  assert.deepEqual([...desired.update([group(['d', 4]), stays])], ['c', 'd']);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 1, b: 2, d: 4 });
  assert.deepEqual([...desired.update([])].sort(), ['a', 'b', 'd']);
  assert.equal(desired.entries.size, 0);
});

test('a replaced group changes the values of its keys', () => {
  const desired = new DesiredEntries<number>();
  desired.update([group(['a', 1], ['b', 2])]);
  assert.deepEqual([...desired.update([group(['a', 10])])], ['a', 'b']);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 10 });
});

test("a key wanted by two groups has the later group's value, and the other's when that is removed", () => {
  const desired = new DesiredEntries<number>();
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
  const desired = new DesiredEntries<number>();
  const old = group(['a', 1], ['old', 1]);
  const next = group(['a', 2], ['b', 2]);
  const other = group(['b', 3]);
  desired.update([old]);
  const dirty = desired.update([next, other]);
  assert.deepEqual([...dirty].sort(), ['a', 'b', 'old']);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 2, b: 3 });
});

test('a group given twice stays until both are removed', () => {
  const desired = new DesiredEntries<number>();
  const twice = group(['a', 1]);
  const other = group(['b', 2]);
  desired.update([twice, other, twice]);
  desired.update([twice, other]);
  assert.deepEqual(Object.fromEntries(desired.entries), { a: 1, b: 2 });
  desired.update([other]);
  assert.deepEqual(Object.fromEntries(desired.entries), { b: 2 });
});

test('groups in another order are the same entries, and nothing is dirty', () => {
  const desired = new DesiredEntries<number>();
  const groups = [group(['a', 1]), group(['b', 2]), group(['c', 3]), group(['d', 4])];
  desired.update(groups);
  assert.equal(desired.update(groups.toReversed()).size, 0);
  assert.equal(desired.entries.size, 4);
});

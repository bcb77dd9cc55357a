import assert from 'node:assert/strict';
import { test } from 'node:test';
import { difference } from './diff.ts';

const object = (value: number): { readonly value: number } => ({ value });
const equal = (left: { value: number }, right: { value: number }): boolean =>
  left.value === right.value;

test('a difference over some keys contains missing, different, surplus and equal entries', () => {
  const shared = object(1);
  const desired = new Map([
    ['shared', shared],
    ['same', object(2)],
    ['changed', object(3)],
    ['missing', object(4)],
  ]);
  const present = new Map([
    ['shared', shared],
    ['same', object(2)],
    ['changed', object(30)],
    ['surplus', object(5)],
  ]);
  const { set, surplus, same } = difference([...desired.keys(), 'surplus', 'nowhere'], {
    desired,
    present,
    equal,
  });
  assert.deepEqual(
    [...set],
    [
      ['changed', object(3)],
      ['missing', object(4)],
    ],
  );
  assert.deepEqual([...surplus], [['surplus', object(5)]]);
  assert.equal(same.get('same'), desired.get('same'));
  assert.equal(same.size, 1);
});

test('identical objects are not compared', () => {
  const entries = new Map([['a', object(1)]]);
  const equal = (): boolean => assert.fail('compared');
  const { set } = difference(entries.keys(), {
    desired: entries,
    present: new Map(entries),
    equal,
  });
  assert.equal(set.size, 0);
});

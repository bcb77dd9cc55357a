import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Brand } from './brand.ts';
import { IdAllocator } from './id-allocator.ts';

type ThingId = Brand<number, 'ThingId'>;
const id = (number: number): ThingId => number as ThingId;

function taken(capacity: number, ...numbers: readonly number[]): IdAllocator<ThingId> {
  const ids = new IdAllocator<ThingId>(capacity);
  for (const number of numbers) ids.take(id(number));
  return ids;
}

test('the lowest free number is next, and stays next until it is taken', () => {
  const ids = taken(4, 1, 2, 4);
  assert.deepEqual([ids.next(), ids.next()], [3, 3]);
  ids.take(id(3));
  assert.equal(ids.next(), undefined);
  ids.release(id(2));
  ids.release(id(4));
  assert.equal(ids.next(), 2);
});

test('a number that is in use or above the capacity is refused', () => {
  const ids = taken(2, 1);
  assert.throws(() => ids.take(id(1)), /number 1 is in use/);
  assert.throws(() => ids.take(id(3)), /number 3 is above 2/);
  assert.throws(() => ids.release(id(2)), /number 2 is not in use/);
  assert.equal(ids.next(), 2);
});

test('a number restored at the start is not allocated', () => {
  const ids = new IdAllocator<ThingId>(4);
  for (const number of [3, 1, 9]) ids.restore(id(number));
  assert.equal(ids.next(), 2);
  ids.take(id(2));
  assert.equal(ids.next(), 4);
  ids.release(id(9));
  assert.equal(ids.next(), 4);
});

test('a number restored for two owners is free when both have released it', () => {
  const ids = new IdAllocator<ThingId>(2);
  ids.restore(id(1));
  ids.restore(id(1));
  ids.release(id(1));
  assert.equal(ids.next(), 2);
  assert.throws(() => ids.take(id(1)), /number 1 is in use/);
  ids.release(id(1));
  assert.equal(ids.next(), 1);
});

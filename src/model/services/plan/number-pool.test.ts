import assert from 'node:assert/strict';
import { test } from 'node:test';
import { NumberPool } from './number-pool.ts';

test('a free number is given again only after all others', () => {
  const pool = new NumberPool(1, 3);
  assert.deepEqual([pool.take(), pool.take()], [1, 2]);
  pool.release(1);
  assert.deepEqual([pool.take(), pool.free], [3, 1]);
  assert.deepEqual([pool.take(), pool.take()], [1, undefined]);
  pool.release(2);
  assert.equal(pool.take(), 2);
});

test('after adopted numbers come higher ones, and then the first', () => {
  const pool = new NumberPool(1, 9);
  assert.deepEqual(
    [7, 2, 7, 0, 10].map((number) => pool.adopt(number)),
    [true, true, false, false, false],
  );
  assert.deepEqual([pool.take(), pool.take(), pool.take(), pool.take()], [8, 9, 1, 3]);
});

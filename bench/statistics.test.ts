import assert from 'node:assert/strict';
import { test } from 'node:test';
import { best, percentile, ratios, series } from './statistics.ts';

test('the median of an odd and of an even number of samples', () => {
  assert.equal(series([3, 1, 2]).median, 2);
  assert.equal(series([4, 1, 3, 2]).median, 2.5);
});

test('spread is the smallest and the largest sample', () => {
  const { min, max } = series([5, 9, 7]);
  assert.deepEqual([min, max], [5, 9]);
});

test('one outlier changes the largest sample but no quartile', () => {
  assert.deepEqual(series([1, 2, 3, 4, 5]).quartiles, [2, 4]);
  assert.deepEqual(series([1, 2, 3, 4, 500]).quartiles, [2, 4]);
  assert.deepEqual(series([10, 20]).quartiles, [12.5, 17.5]);
});

test('the better sample is the higher or the lower, as the figure defines', () => {
  assert.equal(best('higher', [3, 5]), 5);
  assert.equal(best('lower', [3, 5]), 3);
});

test('ratios are taken round by round, so drift of the machine cancels', () => {
  assert.deepEqual(ratios([10, 20, 40], [10, 20, 40]).samples, [1, 1, 1]);
});

test('a percentile is one of the samples', () => {
  const samples = Array.from({ length: 200 }, (_, index) => 200 - index);
  assert.equal(percentile(samples, 99), 198);
  assert.equal(percentile(samples, 50), 100);
  assert.equal(percentile([7], 99), 7);
  assert.throws(() => percentile([], 99), /at least one sample/);
});

test('an empty series is refused', () => {
  assert.throws(() => series([]), /at least one sample/);
});

test('a missing baseline names its round', () => {
  assert.throws(() => ratios([1, 2], [1]), /round 2/);
});

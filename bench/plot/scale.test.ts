import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linearScale, logScale, logScaleAt } from './scale.ts';

const texts = ({ ticks }: { ticks: readonly { text: string }[] }): string =>
  ticks.map(({ text }) => text).join(' ');

test('a linear axis goes from 0 to a round number at or above the largest value', () => {
  assert.equal(texts(linearScale(1.04)), '0 0.5 1 1.5');
  assert.equal(texts(linearScale(0.9)), '0 0.25 0.5 0.75 1');
  assert.equal(texts(linearScale(8_200)), '0 2.5k 5k 7.5k 10k');
  assert.equal(linearScale(8_200).place(2_500), 0.25);
});

test('a logarithmic axis has the powers of ten around its values', () => {
  assert.equal(texts(logScale([0.9, 180])), '0.1 1 10 100 1k');
  assert.equal(texts(logScale([10, 1_000])), '10 100 1k');
  assert.equal(texts(logScale([20])), '10 100');
  assert.equal(logScale([10, 1_000]).place(100), 0.5);
});

test('an axis of chosen values has these as ticks, and a single one in the middle', () => {
  const scale = logScaleAt([1, 100, 10_000]);
  assert.equal(texts(scale), '1 100 10k');
  assert.deepEqual([1, 100, 10_000].map(scale.place), [0, 0.5, 1]);
  assert.equal(logScaleAt([100]).place(100), 0.5);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertEnds } from '../../test/support/assert-ends.ts';
import { parseQuantity } from './quantity.ts';

const quantities: readonly (readonly [string, number | undefined])[] = [
  ['0', 0],
  ['10', 10],
  ['10M', 10_000_000],
  ['1.5G', 1_500_000_000],
  ['.5k', 500],
  ['5.', 5],
  ['1Ki', 1024],
  ['10Mi', 10_485_760],
  ['2e6', 2_000_000],
  ['2E6', 2_000_000],
  ['1E', 1e18],
  ['500m', 0.5],
  ['-1k', -1000],
  ['+1k', 1000],
  ['', undefined],
  ['M', undefined],
  ['10 M', undefined],
  ['10MB', undefined],
  ['10K', undefined],
  ['10mi', undefined],
  ['1e', undefined],
  ['0x10', undefined],
  ['Infinity', undefined],
];

for (const [text, expected] of quantities) {
  const stands = expected === undefined ? 'is no quantity' : `stands for ${expected}`;
  test(`"${text}" ${stands}`, () => assert.equal(parseQuantity(text), expected));
}

test('a MiB of digits takes time in proportion to its length', () => {
  const texts = ["'1'.repeat(2 ** 20) + 'x'", "'1.' + '1'.repeat(2 ** 20) + 'x'"];
  assertEnds(new URL('./quantity.js', import.meta.url).href, 'parseQuantity', texts);
});

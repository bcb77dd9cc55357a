import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedSpan } from './changed-span.ts';

const cases: readonly (readonly [before: string, after: string, head: number, tail: number])[] = [
  ['', '', 0, 0],
  ['', 'a', 0, 0],
  ['abc', 'abc', 3, 0],
  ['abc', 'abcd', 3, 0],
  ['abcd', 'bcd', 0, 3],
  ['abcd', 'abd', 2, 1],
  ['abcd', 'axd', 1, 1],
  ['aa', 'aaa', 2, 0],
  ['aaa', 'aa', 2, 0],
  ['abc', 'cba', 0, 0],
];

test('heads and tails never overlap, whichever list is longer', () => {
  for (const [before, after, head, tail] of cases) {
    assert.deepEqual(changedSpan([...before], [...after]), { head, tail }, `${before} ${after}`);
  }
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from './retry-after.ts';

const date = 'Sun, 01 Mar 2026 12:00:00 GMT';

const headers: readonly [string | undefined, number | undefined][] = [
  [undefined, undefined],
  ['', undefined],
  ['0', 0],
  ['1', 1_000],
  [' 7 ', 7_000],
  ['40', 40_000],
  ['86400', 40_000],
  ['3000000', 40_000],
  ['9'.repeat(400), 40_000],
  ['-1', undefined],
  ['1.5', undefined],
  ['1e9', undefined],
  ['Infinity', undefined],
  ['abc', undefined],
  ['Sun, 01 Mar 2026 12:00:09 GMT', 9_000],
  ['Sun, 01 Mar 2027 12:00:00 GMT', 40_000],
  ['Thu, 01 Jan 1970 00:00:00 GMT', 0],
  ['Sun, 99 Foo 2026 12:00:09 GMT', undefined],
];

for (const [header, ms] of headers)
  test(`Retry-After: ${header?.slice(0, 40)} is ${ms} ms`, () => {
    assert.equal(retryAfterMs(header, { date, longestMs: 40_000 }), ms);
  });

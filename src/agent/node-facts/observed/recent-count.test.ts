import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentCount } from './recent-count.ts';

test('growth of a counter is shown for ten minutes after the last increase, without earlier growth', () => {
  const recent = new RecentCount();
  const minute = 60_000;
  for (const [total, now, expected] of [
    [1000, 0, 0],
    [1003, minute, 3],
    [1003, 2 * minute, 3],
    [1004, 10 * minute, 4],
    [1004, 20 * minute, 4],
    [1004, 20 * minute + 1, 0],
    // A module was loaded again.
    [2, 21 * minute, 0],
    [5, 22 * minute, 3],
  ] as const) {
    assert.equal(recent.after(total, now), expected);
  }
});

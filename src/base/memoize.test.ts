import assert from 'node:assert/strict';
import { test } from 'node:test';
import { memoize, memoizeLast } from './memoize.ts';

test('a memoized function runs once for each argument, for any result', () => {
  const seen: object[] = [];
  const first = {};
  const second = {};
  const compute = memoize((argument: object) => {
    seen.push(argument);
    return undefined;
  });
  for (const argument of [first, second, first]) assert.equal(compute(argument), undefined);
  assert.deepEqual(seen, [first, second]);
});

test('curried memoized functions cache every combination', () => {
  let runs = 0;
  const a = { value: 1 };
  const b = { value: 2 };
  const add = memoize((left: { value: number }) =>
    memoize((right: { value: number }) => {
      runs++;
      return left.value + right.value;
    }),
  );
  assert.deepEqual([add(a)(b), add(b)(a), add(a)(b)], [3, 3, 3]);
  assert.equal(runs, 2);
});

test('memoizeLast runs again only when an argument changes', () => {
  let runs = 0;
  const list = [1];
  const describe = memoizeLast((values: readonly number[], unit: string) => {
    runs++;
    return `${values.length} ${unit}`;
  });
  describe(list, 'ms');
  assert.equal(describe(list, 'ms'), '1 ms');
  assert.equal(runs, 1);
  describe(list, 's');
  describe([1], 's');
  assert.equal(runs, 3);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { changedSpan, joinLists } from './changed-span.ts';
import { memoizeEach } from './memoize.ts';

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

const lists = ['', 'ab', 'abc', 'abcd', 'bcd', 'bxd', 'bxd', '', 'dxb'];

test('for derived lists the span equals that of a comparison, or is smaller', () => {
  const objects = new Map([...'abcdx'].map((name) => [name, { name }]));
  const join = joinLists<object>();
  const each = memoizeEach((item: object) => ({ item }));
  let before: readonly object[] = [];
  for (const first of lists) {
    for (const second of lists) {
      const [left, right] = [first, second].map((names) =>
        [...names].map((name) => objects.get(name) ?? {}),
      );
      const joined = join(left ?? [], each(right ?? []));
      const { head, tail } = changedSpan(before, joined);
      assert.ok(head + tail <= Math.min(before.length, joined.length));
      assert.deepEqual(joined.slice(0, head), before.slice(0, head));
      assert.deepEqual(joined.slice(joined.length - tail), before.slice(before.length - tail));
      before = joined;
    }
  }
});

test('lists derived from one changed list are not compared', () => {
  let reads = 0;
  const items = Array.from({ length: 100 }, (_, index) => ({ index }));
  const watched = (list: readonly object[]): readonly object[] =>
    new Proxy(list, {
      get: (target, name, receiver) => {
        if (typeof name === 'string' && /^\d+$/.test(name)) reads++;
        return Reflect.get(target, name, receiver);
      },
    });
  const [before, after] = [watched(items), watched(items.slice(0, 99))];
  changedSpan(before, after);
  const once = reads;
  for (let consumer = 0; consumer < 5; consumer++) {
    assert.deepEqual(changedSpan(before, after), { head: 99, tail: 0 });
  }
  assert.equal(reads, once);
});

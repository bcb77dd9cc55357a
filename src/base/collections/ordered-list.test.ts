import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OrderedList } from './ordered-list.ts';

function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

test('items are sorted and found as in a sorted array after any insertions and deletions', () => {
  const random = randomFrom(7);
  const list = new OrderedList<number>((left, right) => left - right);
  const known = new Set<number>();
  for (let round = 0; round < 6_000; round++) {
    const item = random(4_000);
    if (round % 3 === 2) assert.equal(list.delete(item), known.delete(item));
    else if (!known.has(item)) {
      list.insert(item);
      known.add(item);
    }
  }
  const sorted = [...known].sort((left, right) => left - right);
  assert.ok(sorted.length > 1_100, 'more than two parts');
  assert.equal(list.size, sorted.length);
  for (let place = -1; place < 4_001; place++) {
    const isBefore = (item: number): boolean => item < place;
    const rest = sorted.filter((item) => item >= place);
    assert.equal(list.firstFrom(isBefore), rest[0]);
    assert.equal(list.lastBefore(isBefore), sorted.filter(isBefore).at(-1));
  }
});

test('an insertion compares with a few items, however many there are', () => {
  let compared = 0;
  const list = new OrderedList<number>((left, right) => {
    compared++;
    return left - right;
  });
  const random = randomFrom(5);
  for (let index = 0; index < 30_000; index++) list.insert(random(2_000_000_000));
  assert.ok(compared < 30_000 * 20, String(compared));
});

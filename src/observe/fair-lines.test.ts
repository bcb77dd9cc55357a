import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FairLines } from './fair-lines.ts';

test('a single owner has all the room and keeps its newest lines', () => {
  const lines = new FairLines<number>(3);
  for (const line of [1, 2, 3, 4, 5]) lines.add(line, 7);
  assert.deepEqual(lines.all(), [3, 4, 5]);
  assert.equal(lines.size, 3);
});

test('a flood of one owner takes no lines from owners with fewer', () => {
  const lines = new FairLines<string>(10);
  lines.add('quiet 1', 1);
  for (let number = 1; number <= 5000; number++) lines.add(`flood ${number}`, 2);
  lines.add('quiet 2', 1);
  lines.add('other 1', 3);
  assert.deepEqual(lines.all(), [
    'quiet 1',
    ...[4994, 4995, 4996, 4997, 4998, 4999, 5000].map((number) => `flood ${number}`),
    'quiet 2',
    'other 1',
  ]);
});

test('several floods share the room that the others leave', () => {
  const lines = new FairLines<number>(100);
  for (let round = 0; round < 10; round++) lines.add(0, 0);
  for (let round = 0; round < 10_000; round++) lines.add(1 + (round % 3), 1 + (round % 3));
  const counts = [0, 1, 2, 3].map((owner) => lines.all().filter((line) => line === owner).length);
  assert.deepEqual(counts, [10, 30, 30, 30]);
});

test('former owners leave nothing behind', () => {
  const lines = new FairLines<number>(4);
  for (let owner = 0; owner < 1000; owner++) lines.add(owner, owner);
  assert.deepEqual(lines.all(), [996, 997, 998, 999]);
});

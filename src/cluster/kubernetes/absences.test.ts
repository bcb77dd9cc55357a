import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Absences } from './list-doubt.ts';

test('an object missing for the first time is not accepted as deleted; after the wait it is', () => {
  const absences = new Absences(5_000);
  assert.deepEqual([...absences.note(['a'], 0)], ['a']);
  assert.deepEqual([...absences.note(['a', 'b'], 4_999)], ['a', 'b']);
  assert.deepEqual([...absences.note(['a', 'b'], 5_000)], ['b']);
});

test('an object that existed in between is missing for the first time again', () => {
  const absences = new Absences(5_000);
  absences.note(['a', 'b', 'c'], 0);
  absences.note(['b', 'c'], 3_000);
  absences.seen('b');
  assert.deepEqual([...absences.note(['a', 'b', 'c'], 6_000)], ['a', 'b']);
});

test('seeing missing objects again takes time proportional to their number', () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `pod-${index}`);
  const absences = new Absences(5_000);
  absences.note(keys, 0);
  const began = performance.now();
  for (const key of keys) absences.seen(key);
  // A few milliseconds; it was most of a minute when each copied all.
  assert.ok(performance.now() - began < 2_000);
  assert.deepEqual([...absences.note(keys, 6_000)], keys, 'lacking for the first time again');
});

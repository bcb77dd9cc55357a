import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { moment, wallTime } from './moment.ts';

test.afterEach(() => mock.restoreAll());

test('a moment is always converted to the same time, although the clocks are read one after the other', () => {
  const at = moment();
  const told = wallTime(at);
  const now = Date.now;
  for (const lateMs of [1, -1, 20, 3]) {
    mock.method(Date, 'now', () => now() + lateMs);
    assert.equal(wallTime(at), told);
    mock.restoreAll();
  }
});

test('a moment is converted by the current wall clock, even if it was set since', () => {
  const at = moment();
  const told = Date.parse(wallTime(at));
  const now = Date.now;
  for (const stepMs of [86_400_000, -172_800_000]) {
    mock.method(Date, 'now', () => now() + stepMs);
    const movedMs = Date.parse(wallTime(at)) - told;
    assert.ok(Math.abs(movedMs - stepMs) < 100, `${movedMs} ms`);
    mock.restoreAll();
  }
});

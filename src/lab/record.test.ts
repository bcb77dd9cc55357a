import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isAlive, processIdentity } from './record.ts';

test('a process is identified by its id and start time together', () => {
  const own = processIdentity();
  assert.equal(isAlive(own), true);
  assert.equal(isAlive({ ...own, startTicks: own.startTicks + 1 }), false);
});

test('an id without a process is not alive', () => {
  // One above the largest id that the kernel assigns (PID_MAX_LIMIT).
  assert.equal(isAlive({ pid: 4_194_305, startTicks: 1 }), false);
});

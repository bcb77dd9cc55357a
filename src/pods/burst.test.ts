import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Burst } from './burst.ts';

interface Task {
  readonly done: Promise<void>;
  end(error?: Error): void;
}

/** A task that runs until it is ended; `afterwards` is what it does then. */
function start(burst: Burst, afterwards: () => void): Task {
  let settle = (_error?: Error): void => undefined;
  const until = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error));
  });
  const go = async (): Promise<void> => {
    await burst.run(() => until);
    await burst.ended();
    afterwards();
  };
  return { done: go(), end: (error) => settle(error) };
}

test('a single operation continues immediately', async () => {
  const burst = new Burst(60_000);
  assert.equal(await burst.run(async () => 7), 7);
  await burst.ended();
});

test('concurrent operations continue together, even if some fail or more arrive', async () => {
  const burst = new Burst(60_000);
  const went: string[] = [];
  const first = start(burst, () => went.push('first'));
  const failing = start(burst, () => went.push('failing'));
  first.end();
  await setImmediate();
  const last = start(burst, () => went.push('last'));
  const failed = assert.rejects(failing.done, /no/);
  failing.end(new Error('no'));
  await setImmediate();
  assert.deepEqual(went, []);
  last.end();
  await Promise.all([first.done, last.done, failed]);
  assert.deepEqual(went, ['first', 'last']);
});

test('no operation waits longer than the limit', async () => {
  const burst = new Burst(1);
  const first = start(burst, () => undefined);
  const endless = start(burst, () => undefined);
  first.end();
  await first.done;
  endless.end();
  await endless.done;
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('at most as many tasks run as there are slots, in order', async () => {
  const slots = new Slots(3);
  const started: number[] = [];
  let running = 0;
  let most = 0;
  await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      slots.run(async () => {
        started.push(index);
        running++;
        most = Math.max(most, running);
        await new Promise((resolve) => setTimeout(resolve, 1));
        running--;
      }),
    ),
  );
  assert.equal(most, 3);
  assert.deepEqual(
    started,
    Array.from({ length: 20 }, (_, index) => index),
  );
});

test('a failure is passed on and releases its slot', async () => {
  const slots = new Slots(1);
  const failing = slots.run(() => Promise.reject(new Error('no')));
  const following = slots.run(async () => 'yes');
  await assert.rejects(failing, { message: 'no' });
  assert.equal(await following, 'yes');
});

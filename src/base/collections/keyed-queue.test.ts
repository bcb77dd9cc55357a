import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { KeyedQueue } from './keyed-queue.ts';

test('tasks of one key run one after the other, those of another key concurrently', async () => {
  const queue = new KeyedQueue();
  const trace: string[] = [];
  const task = (name: string, turns: number) => async () => {
    trace.push(`${name} starts`);
    for (let count = 0; count < turns; count++) await turn();
    trace.push(`${name} ends`);
    return name;
  };
  const results = await Promise.all([
    queue.run('a', task('a1', 3)),
    queue.run('a', task('a2', 1)),
    queue.run('b', task('b1', 1)),
  ]);
  assert.deepEqual(results, ['a1', 'a2', 'b1']);
  assert.deepEqual(trace, ['a1 starts', 'b1 starts', 'b1 ends', 'a1 ends', 'a2 starts', 'a2 ends']);
});

test('a failing task rejects for its caller and does not delay the next', async () => {
  const queue = new KeyedQueue();
  const failed = queue.run('a', () => Promise.reject(new Error('no')));
  const next = queue.run('a', () => Promise.resolve('yes'));
  await assert.rejects(failed, /no/);
  assert.equal(await next, 'yes');
});

test('keys without tasks are removed', async () => {
  const queue = new KeyedQueue();
  await Promise.all([queue.run('a', turn), queue.run('a', turn), queue.run('b', turn)]);
  await turn();
  assert.equal(queue.size, 0);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { keptMetrics } from './metrics-text.ts';

test('forty concurrent requests, and all within a second, share one rendering', async () => {
  let now = 0;
  let rendered = 0;
  const ends: (() => void)[] = [];
  const metrics = keptMetrics(
    'text/plain',
    async () => {
      rendered++;
      await new Promise<void>((resolve) => ends.push(resolve));
      return `rendering ${rendered}`;
    },
    () => now,
  );
  const asked = Array.from({ length: 40 }, () => metrics());
  // A second rendering does not start while a slow one runs.
  now = 60_000;
  asked.push(metrics());
  ends.shift()?.();
  for (const text of await Promise.all(asked)) {
    assert.deepEqual(text, { contentType: 'text/plain', text: 'rendering 1' });
  }
  now += 999;
  assert.equal((await metrics()).text, 'rendering 1');
  now += 1;
  const next = metrics();
  ends.shift()?.();
  assert.equal((await next).text, 'rendering 2');
});

test('a failed rendering is reported to its requests, and retried a second later', async () => {
  let now = 0;
  let fails = true;
  const metrics = keptMetrics(
    'text/plain',
    async () => {
      if (fails) throw new Error('no memory');
      return 'text';
    },
    () => now,
  );
  await assert.rejects(metrics(), /no memory/);
  fails = false;
  await assert.rejects(metrics(), /no memory/);
  now = 1000;
  assert.equal((await metrics()).text, 'text');
});

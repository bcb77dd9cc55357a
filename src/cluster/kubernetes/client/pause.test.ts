import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pause } from './pause.ts';

const delays: readonly (readonly [number, number])[] = [
  [-1, 0],
  [Number.NaN, 0],
  [0, 0],
  [700, 700],
  [3_000_000_000, 2_147_483_647],
  [Number.POSITIVE_INFINITY, 2_147_483_647],
];

for (const [asked, ms] of delays)
  test(`a pause of ${asked} ms takes ${ms} ms, and a long one never ends immediately`, async (context) => {
    context.mock.timers.enable({ apis: ['setTimeout'] });
    let isOver = false;
    const over = pause(asked, { signal: new AbortController().signal }).then(() => {
      isOver = true;
    });
    if (ms > 0) {
      context.mock.timers.tick(ms - 1);
      await Promise.resolve();
      assert.equal(isOver, false);
    }
    context.mock.timers.tick(1);
    await over;
  });

test('events that end a pause are subscribed only while it lasts', async () => {
  const waiting = new Set<() => void>();
  const until = (wake: () => void): (() => void) => {
    waiting.add(wake);
    return () => waiting.delete(wake);
  };
  const { signal } = new AbortController();
  const early = pause(1e9, { signal, until });
  for (const wake of waiting) wake();
  await early;
  await pause(1, { signal, until });
  assert.equal(waiting.size, 0);
});

test('a pause woken before its minimum time ends at the minimum', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  let wake = (): void => undefined;
  let isOver = false;
  const over = pause(60_000, {
    signal: new AbortController().signal,
    leastMs: 2_000,
    until: (listener) => {
      wake = listener;
      return () => undefined;
    },
  }).then(() => {
    isOver = true;
  });
  wake();
  context.mock.timers.tick(1_900);
  await Promise.resolve();
  assert.equal(isOver, false);
  context.mock.timers.tick(100);
  await over;
});

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { Lull } from './lull.ts';

interface Bench {
  readonly lull: Lull;
  readonly errors: unknown[];
  /** Steps made so far. */
  steps(): number;
  pass(ms: number): void;
}

/** Work of so many steps; each of those in `failing` throws. */
function bench(work: number, failing: readonly number[] = []): Bench {
  mock.timers.enable({ apis: ['setTimeout'] });
  const errors: unknown[] = [];
  let made = 0;
  const lull = new Lull({
    quietMs: 1000,
    pauseMs: 20,
    step: () => {
      made++;
      if (failing.includes(made)) throw new Error(`step ${made}`);
      return made < work;
    },
    onError: (error) => errors.push(error),
  });
  return {
    lull,
    errors,
    steps: () => made,
    pass: (ms) => {
      for (let each = 0; each < ms; each++) mock.timers.tick(1);
    },
  };
}

test.afterEach(() => mock.timers.reset());

test('a step is made after a second without requests, the next ones after a pause each', () => {
  const { lull, steps, pass } = bench(3);
  lull.look();
  pass(999);
  assert.equal(steps(), 0);
  pass(1);
  assert.equal(steps(), 1);
  pass(19);
  assert.equal(steps(), 1);
  pass(1 + 20);
  assert.equal(steps(), 3);
  pass(10_000);
  assert.equal(steps(), 3, 'there was no more to do');
});

test('no step is made during a request, nor within a second after the last', async () => {
  const { lull, steps, pass } = bench(3);
  const ends: (() => void)[] = [];
  const request = (): Promise<void> =>
    lull.keepOff(() => new Promise((resolve) => void ends.push(resolve)));
  lull.look();
  pass(1000);
  assert.equal(steps(), 1);
  const both = [request(), request()];
  lull.look();
  pass(5000);
  assert.equal(steps(), 1);
  ends[0]?.();
  await both[0];
  pass(5000);
  assert.equal(steps(), 1, 'the other is still under way');
  ends[1]?.();
  await both[1];
  pass(900);
  await lull.keepOff(async () => undefined);
  pass(999);
  assert.equal(steps(), 1);
  pass(1);
  assert.equal(steps(), 2);
});

test('a request that fails counts like any other, and its failure is the caller’s', async () => {
  const { lull, steps, pass } = bench(1);
  await assert.rejects(
    lull.keepOff(() => Promise.reject(new Error('refused'))),
    /refused/,
  );
  pass(1000);
  assert.equal(steps(), 1);
});

test('a step that fails is told and does not keep the others from being made', () => {
  const { lull, errors, steps, pass } = bench(3, [1]);
  lull.look();
  pass(1000 + 20 + 20);
  assert.deepEqual([steps(), errors.length], [3, 1]);
});

test('nothing is done after the end', () => {
  const { lull, steps, pass } = bench(3);
  lull.look();
  lull.stop();
  lull.look();
  pass(5000);
  assert.equal(steps(), 0);
});

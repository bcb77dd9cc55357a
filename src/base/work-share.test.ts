import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WorkShare } from './work-share.ts';

function shareOf(): { readonly share: WorkShare; wait(ms: number): void } {
  let now = 1000;
  const share = new WorkShare({ share: 0.2, burstMs: 300, longestWaitMs: 2000, now: () => now });
  return {
    share,
    wait: (ms) => {
      now += ms;
    },
  };
}

test('a burst does not wait, and continuous work after it does', () => {
  const { share, wait } = shareOf();
  for (let i = 0; i < 30; i++) {
    assert.equal(share.waitMs(), 0, `piece ${i} of the burst`);
    share.spend(10);
  }
  assert.equal(share.waitMs(), 0, 'nothing left, nothing owed');
  share.spend(10);
  assert.equal(Math.round(share.waitMs()), 50);
  wait(50);
  assert.equal(Math.round(share.waitMs()), 0);
});

test('work without end takes its share of the time', () => {
  const { share, wait } = shareOf();
  let workedMs = 0;
  let tookMs = 0;
  while (tookMs < 60_000) {
    const waited = share.waitMs();
    wait(waited + 35);
    share.spend(35);
    workedMs += 35;
    tookMs += waited + 35;
  }
  assert.ok(workedMs < 0.2 * tookMs + 400, `${workedMs} of ${tookMs} ms`);
  assert.ok(workedMs > 0.18 * tookMs, `${workedMs} of ${tookMs} ms`);
});

test('a wait has a maximum, and a long quiet time allows no more than one burst', () => {
  const { share, wait } = shareOf();
  share.spend(60_000);
  assert.equal(share.waitMs(), 2000);
  wait(3_600_000);
  share.spend(300);
  assert.equal(share.waitMs(), 0);
  share.spend(20);
  assert.equal(Math.round(share.waitMs()), 100);
});

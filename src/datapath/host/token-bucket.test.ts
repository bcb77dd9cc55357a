import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RateLimit } from '../../net/bandwidth.ts';
import { bucketOf, isSameBucket, limitInForce } from './token-bucket.ts';

const mtuBytes = 1500;

test('the token bucket counts Ethernet headers, and 2 % are added for TCP and UDP headers', () => {
  const { bytesPerSecond } = bucketOf({ bitsPerSecond: 12_000_000 }, mtuBytes);
  assert.equal(bytesPerSecond, 1_544_280);
});

test('the bucket holds 10 ms of the rate, and at least ten packets', () => {
  assert.equal(bucketOf({ bitsPerSecond: 1e6 }, mtuBytes).burstBytes, 16 * 1024);
  assert.equal(bucketOf({ bitsPerSecond: 12e9 }, mtuBytes).burstBytes, 15_442_800);
});

test('a requested burst is used unless it is less than one packet', () => {
  const ofBurst = (burstBits: number) => bucketOf({ bitsPerSecond: 1e6, burstBits }, mtuBytes);
  assert.equal(ofBurst(800_000).burstBytes, 100_000);
  assert.equal(ofBurst(8).burstBytes, 1514);
});

test('the queue holds 50 ms more than the bucket, and at least a whole GSO packet', () => {
  assert.equal(bucketOf({ bitsPerSecond: 1e6 }, mtuBytes).queueBytes, 72 * 1024);
  assert.equal(bucketOf({ bitsPerSecond: 12e9 }, mtuBytes).queueBytes, 92_656_800);
});

test("the highest rate stays within the kernel's limits", () => {
  const { burstBytes, queueBytes } = bucketOf({ bitsPerSecond: 1e15 }, mtuBytes);
  assert.equal(burstBytes, 0xffff_ffff);
  assert.equal(queueBytes, 0xffff_ffff);
});

const limits: readonly RateLimit[] = [
  { bitsPerSecond: 1000 },
  { bitsPerSecond: 1e6, burstBits: 8e5 },
  { bitsPerSecond: 8e6 },
  { bitsPerSecond: 123_456_000 },
  { bitsPerSecond: 1e9, burstBits: 4e6 },
  { bitsPerSecond: 25e9 },
];

for (const limit of limits) {
  test(`a limit is in force where the kernel has its bucket: ${JSON.stringify(limit)}`, () => {
    for (const mtuBytes of [1280, 1450, 1500, 9000]) {
      const { burstBytes, ...bucket } = bucketOf(limit, mtuBytes);
      // In the kernel's units of 64 ns.
      const unit = (bucket.bytesPerSecond * 64) / 1e9;
      const told = Math.round(Math.floor(burstBytes / unit) * unit);
      assert.ok(isSameBucket({ ...bucket, burstBytes: told }, { ...bucket, burstBytes }));
      const found = { ...bucket, burstBytes: told };
      assert.equal(limitInForce(found, { asked: limit, mtuBytes }), limit);
    }
  });
}

test('of a bucket that another process changed, the rate and burst that it has are in force', () => {
  const found = bucketOf({ bitsPerSecond: 2e6, burstBits: 4e5 }, mtuBytes);
  const limit = limitInForce(found, { asked: { bitsPerSecond: 8e6 }, mtuBytes });
  assert.ok(Math.abs(limit.bitsPerSecond - 2e6) < 10, JSON.stringify(limit));
  assert.equal(limit.burstBits, 4e5);
});

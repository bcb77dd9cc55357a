import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IfIndex } from '../net/if-index.ts';
import { tbfOf } from './pod-shaping.ts';

const link = { ifIndex: 7 as IfIndex, mtuBytes: 1500, limit: undefined };

test('the token bucket counts Ethernet headers, and 2 % are for those of TCP and UDP', () => {
  const { bytesPerSecond } = tbfOf(link, { bitsPerSecond: 12_000_000 });
  assert.equal(bytesPerSecond, 1_544_280);
});

test('the bucket holds 10 ms of the rate and ten packets at least', () => {
  assert.equal(tbfOf(link, { bitsPerSecond: 1e6 }).burstBytes, 16 * 1024);
  assert.equal(tbfOf(link, { bitsPerSecond: 12e9 }).burstBytes, 15_442_800);
});

test('a burst that was asked for counts, unless it is less than one packet', () => {
  const ofBurst = (burstBits: number) => tbfOf(link, { bitsPerSecond: 1e6, burstBits });
  assert.equal(ofBurst(800_000).burstBytes, 100_000);
  assert.equal(ofBurst(8).burstBytes, 1514);
});

test('the queue holds 50 ms more than the bucket, and a whole GSO packet at least', () => {
  assert.equal(tbfOf(link, { bitsPerSecond: 1e6 }).queueBytes, 72 * 1024);
  assert.equal(tbfOf(link, { bitsPerSecond: 12e9 }).queueBytes, 92_656_800);
});

test('the highest rate stays within what the kernel takes', () => {
  const { burstBytes, queueBytes } = tbfOf(link, { bitsPerSecond: 1e15 });
  assert.equal(burstBytes, 0xffff_ffff);
  assert.equal(queueBytes, 0xffff_ffff);
});

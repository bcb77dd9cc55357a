import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { u32 } from '../codec.ts';
import { RingBuffer } from './ring-buffer.ts';
import type { RingMemory } from './ring-memory.ts';

const sizeBytes = 64;
const busy = 0x80000000;
const discarded = 0x40000000;

/** A ring in the kernel's format, with the test as its producer. */
class FakeRing implements RingMemory {
  readonly consumer: BigUint64Array = new BigUint64Array(1);
  readonly producer: BigUint64Array = new BigUint64Array(1);
  readonly data: ArrayBuffer = new ArrayBuffer(2 * sizeBytes);
  unmapped = 0;
  /** Set while the reader waits for the descriptor to become readable. */
  wake: (() => void) | undefined;
  watches = 0;

  /** Reserves and submits; false when the ring is full, as bpf_ringbuf_reserve does. */
  submit(value: number, length = 4, flags = 0): boolean {
    const total = (length + 8 + 7) & ~7;
    const position = Number(this.producer[0]);
    if (position + total - Number(this.consumer[0]) > sizeBytes) return false;
    const view = new DataView(this.data);
    // The data is mapped twice: what wraps in one copy continues in the other.
    for (const base of [0, sizeBytes]) {
      const at = base + (position % sizeBytes);
      if (at + 12 > 2 * sizeBytes) continue;
      view.setUint32(at, (length | flags) >>> 0, true);
      u32.encode(value, view, at + 8);
    }
    this.producer[0] = BigInt(position + total);
    this.wake?.();
    return true;
  }

  setFlags(position: number, flags: number): void {
    for (const base of [0, sizeBytes]) {
      new DataView(this.data).setUint32(base + position, (4 | flags) >>> 0, true);
    }
  }

  [Symbol.dispose](): void {
    this.unmapped++;
  }
}

const ringSpec = { name: 'events', sizeBytes, record: u32 };

function openRing() {
  const memory = new FakeRing();
  const calls = new FakeMapCalls();
  const fd = calls.create({
    name: 'events',
    typeNumber: 27,
    keySize: 0,
    valueSize: 0,
    maxEntries: sizeBytes,
    flags: 0,
  });
  const watch = (_: number, onReadable: () => void) => {
    memory.watches++;
    return {
      arm: () => {
        memory.wake = () => {
          memory.wake = undefined;
          onReadable();
        };
      },
      [Symbol.dispose]: () => {
        memory.wake = undefined;
      },
    };
  };
  const ring = new RingBuffer(fd, ringSpec, { calls, mapMemory: () => memory, watch });
  return { ring, memory, calls };
}

test('records are read oldest first and make room as they are read', () => {
  const { ring, memory } = openRing();
  for (const value of [1, 2, 3, 4]) assert.equal(memory.submit(value), true);
  assert.equal(memory.submit(5), false);
  assert.equal(ring.fill, 1);
  assert.deepEqual(ring.drain(), [1, 2, 3, 4]);
  assert.equal(ring.fill, 0);
  assert.equal(memory.submit(5), true);
  assert.deepEqual(ring.drain(), [5]);
  assert.deepEqual(ring.drain(), []);
});

test('records continue across the end of the ring', () => {
  const { ring, memory } = openRing();
  const seen: number[] = [];
  for (let value = 0; value < 50; value++) {
    memory.submit(value);
    if (value % 3 === 2) seen.push(...ring.drain());
  }
  seen.push(...ring.drain());
  assert.deepEqual(
    seen,
    Array.from({ length: 50 }, (_, index) => index),
  );
});

test('at most the requested number is read, the rest waits', () => {
  const { ring, memory } = openRing();
  for (const value of [1, 2, 3]) memory.submit(value);
  assert.deepEqual(ring.drain(2), [1, 2]);
  assert.deepEqual(ring.drain(2), [3]);
});

test('a record that is still being written delays those after it', () => {
  const { ring, memory } = openRing();
  memory.submit(1);
  memory.submit(2, 4, busy);
  memory.submit(3);
  assert.deepEqual(ring.drain(), [1]);
  memory.setFlags(16, 0);
  assert.deepEqual(ring.drain(), [2, 3]);
});

test('discarded records are skipped, short ones counted', () => {
  const { ring, memory } = openRing();
  memory.submit(1, 4, discarded);
  memory.submit(2, 3);
  memory.submit(3);
  assert.deepEqual(ring.drain(), [3]);
  assert.equal(ring.malformed, 1);
});

test('a new reader continues where the last one ended', () => {
  const { ring, memory, calls } = openRing();
  memory.submit(1);
  ring.drain();
  memory.submit(2);
  const fd = ring.fd;
  const next = new RingBuffer(fd, ringSpec, {
    calls,
    mapMemory: () => memory,
  });
  assert.deepEqual(next.drain(), [2]);
});

test('iterating waits for records and ends when the signal aborts', async () => {
  const { ring, memory } = openRing();
  const abort = new AbortController();
  const seen: number[] = [];
  memory.submit(1);
  setTimeout(() => memory.submit(2), 5);
  for await (const value of ring.records({ signal: abort.signal, periodMs: 10_000, restMs: 1 })) {
    seen.push(value);
    if (value === 2) setTimeout(() => abort.abort(), 5);
  }
  assert.deepEqual(seen, [1, 2]);
  assert.equal(memory.wake, undefined);
});

test('a ring whose program causes no wake-ups is read every period', async () => {
  const { ring, memory } = openRing();
  const batches = ring.batches({ periodMs: 5, restMs: 1 });
  setTimeout(() => {
    memory.wake = undefined;
    memory.submit(7);
  }, 2);
  assert.deepEqual((await batches.next()).value, [7]);
  await batches.return?.();
});

test('a quiet ring is read less and less often, and at the initial rate again when records arrive', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout'] });
  const { ring, memory } = openRing();
  let looks = 0;
  const drain = ring.drain.bind(ring);
  ring.drain = (max) => {
    looks++;
    return drain(max);
  };
  const batches = ring.batches({ periodMs: 10, idlePeriodMs: 40, restMs: 1 });
  const looksIn = async (...waitsMs: readonly number[]): Promise<number> => {
    const before = looks;
    for (const waitMs of waitsMs) {
      context.mock.timers.tick(waitMs);
      await setImmediate();
    }
    return looks - before;
  };
  let next = batches.next();
  assert.equal(await looksIn(9), 0);
  assert.equal(await looksIn(1, 20, 40, 40), 4);
  assert.equal(await looksIn(39), 0);
  memory.wake = undefined;
  memory.submit(7);
  assert.equal(await looksIn(1), 1);
  assert.deepEqual((await next).value, [7]);
  next = batches.next();
  assert.equal(await looksIn(1, 10, 20, 40, 40), 5, 'rests, looks, and slows down again');
  ring[Symbol.dispose]();
  assert.equal((await next).done, true);
});

test('nothing is read while a batch is handled: the ring fills up', async () => {
  const { ring, memory } = openRing();
  memory.submit(1);
  const batches = ring.batches({ periodMs: 5, restMs: 1 });
  await batches.next();
  for (const value of [2, 3, 4, 5]) memory.submit(value);
  assert.equal(memory.submit(6), false);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(ring.fill, 1);
  assert.deepEqual((await batches.next()).value, [2, 3, 4, 5]);
  await batches.return?.();
});

test('disposing ends the iteration, unmaps and closes once', async () => {
  const { ring, memory, calls } = openRing();
  const reading = ring.batches({ periodMs: 10_000 }).next();
  setTimeout(() => ring[Symbol.dispose](), 5);
  assert.equal((await reading).done, true);
  ring[Symbol.dispose]();
  assert.equal(memory.unmapped, 1);
  assert.deepEqual(calls.closed, [ring.fd]);
  assert.deepEqual(ring.drain(), []);
});

test('losses are those counted by the program, or unknown', () => {
  const { ring, memory, calls } = openRing();
  assert.equal(ring.lost, undefined);
  const counted = new RingBuffer(ring.fd, ringSpec, {
    calls,
    mapMemory: () => memory,
    countLost: () => 3,
  });
  assert.equal(counted.lost, 3);
});

test('a map of another type is refused', () => {
  const calls = new FakeMapCalls();
  const plain = { name: 'x', typeNumber: 1, keySize: 4, valueSize: 4, maxEntries: 1, flags: 0 };
  const fd = calls.create(plain);
  assert.throws(() => new RingBuffer(fd, { name: 'x', sizeBytes, record: u32 }, { calls }), {
    message: 'bpf ring buffer open x: EINVAL (the map is not a ring buffer)',
  });
  assert.deepEqual(calls.closed, [fd]);
});

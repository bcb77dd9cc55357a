import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { BpfProgram } from '../../src/kernel/bpf/program.ts';
import { RingBuffer, type RingSpec } from '../../src/kernel/bpf/ring-buffer.ts';
import { skBuff } from '../../src/kernel/bpf/sk-buff.ts';
import { u64 } from '../../src/kernel/codec.ts';
import { loadTestObject, pinFolder } from '../support/bpf.ts';
import { encodeBytes } from '../support/encode-bytes.ts';
import { rootTest } from '../support/root-test.ts';

const sizeBytes = 4096;
const numbers: RingSpec<number> = { name: 'numbers', sizeBytes, record: u64 };
const recordsThatFit = sizeBytes / 16;

interface Bench {
  readonly ring: RingBuffer<number>;
  /** False: the program found the ring full. */
  tell(number: number): boolean;
  tellQuietly(number: number): boolean;
}

function bench(context: TestContext): Bench {
  const object = loadTestObject(context, 'hooks');
  const ring = object.ringBuffer(numbers);
  context.after(() => ring[Symbol.dispose]());
  const sender = (name: string) => {
    const program: BpfProgram = object.program(name);
    context.after(() => program[Symbol.dispose]());
    return (mark: number) => {
      const input = { packet: new Uint8Array(14), context: encodeBytes(skBuff, { mark }) };
      return program.testRun(input).verdict === 0;
    };
  };
  return { ring, tell: sender('tell_number'), tellQuietly: sender('tell_quietly') };
}

rootTest('records are read in order, also across the ring’s end', (context) => {
  const { ring, tell } = bench(context);
  const seen: number[] = [];
  for (let number = 0; number < 3 * recordsThatFit; number++) {
    assert.equal(tell(number), true);
    if (number % 100 === 99) seen.push(...ring.drain());
  }
  seen.push(...ring.drain());
  assert.deepEqual(
    seen,
    Array.from({ length: 3 * recordsThatFit }, (_, index) => index),
  );
});

rootTest('a full ring refuses the program until it is read', (context) => {
  const { ring, tell } = bench(context);
  let sent = 0;
  while (tell(sent)) sent++;
  assert.ok(sent >= recordsThatFit - 1, `${sent}`);
  assert.ok(ring.fill > 0.99);
  assert.equal(ring.drain(10).length, 10);
  assert.equal(tell(sent), true);
  assert.equal(ring.drain().at(-1), sent);
  assert.equal(ring.fill, 0);
});

rootTest('the kernel wakes the reader immediately', async (context) => {
  const { ring, tell } = bench(context);
  const started = Date.now();
  setTimeout(() => tell(7), 20);
  for await (const number of ring.records({ periodMs: 60_000 })) {
    assert.equal(number, 7);
    break;
  }
  assert.ok(Date.now() - started < 5000);
});

rootTest('a sender without wake-ups is read at the next period', async (context) => {
  const { ring, tellQuietly } = bench(context);
  setTimeout(() => tellQuietly(8), 10);
  for await (const batch of ring.batches({ periodMs: 30 })) {
    assert.deepEqual(batch, [8]);
    break;
  }
});

rootTest('the signal ends a waiting reader', async (context) => {
  const { ring } = bench(context);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 20);
  for await (const number of ring.records({ signal: abort.signal, periodMs: 60_000 })) {
    assert.fail(`nobody sent ${number}`);
  }
  assert.equal(abort.signal.aborted, true);
});

rootTest('a poll survives garbage collection', async (context) => {
  const { ring, tell } = bench(context);
  const batches = ring.batches({ periodMs: 60_000 });
  const next = batches.next();
  // Enough garbage for several collections while only the poll handle could wake the process.
  for (let round = 0; round < 50; round++) {
    const garbage = Array.from({ length: 20_000 }, (_, index) => ({ index }));
    assert.equal(garbage.length, 20_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  tell(9);
  assert.deepEqual((await next).value, [9]);
  await batches.return?.();
});

rootTest('the next reader continues with a pinned ring', (context) => {
  const { ring, tell } = bench(context);
  const path = `${pinFolder(context)}/numbers`;
  ring.pin(path);
  tell(1);
  tell(2);
  assert.deepEqual(ring.drain(1), [1]);
  ring[Symbol.dispose]();
  using again = RingBuffer.openPinned(path, numbers);
  assert.deepEqual(again.drain(), [2]);
});

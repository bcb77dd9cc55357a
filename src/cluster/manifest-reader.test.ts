import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { before, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { hostileManifests } from '../../test/support/hostile-manifests.ts';
import { goodManifests } from '../../test/support/malformed-manifests.ts';
import { readManifests } from './manifest-file.ts';
import { CostlyFileError, ManifestReader, mostInline } from './manifest-reader.ts';

const never = new AbortController().signal;
const bytesOf = (text: string): Uint8Array => Buffer.from(text);
const threads = (): number => readdirSync('/proc/self/task').length;

// What a CNI request may have to wait for, and as much again for a machine that does other things too.
const longestMs = 400;

async function delayOf(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  await setTimeout(20);
  delay.enable();
  await setTimeout(20);
  await work();
  await setTimeout(20);
  delay.disable();
  return delay.max / 1e6;
}

// What the first one takes longer is not the file's fault.
before(() => {
  for (let times = 0; times < 20; times++) readManifests('a.yaml', goodManifests);
});

async function readOrRefuse(reader: ManifestReader, text: string): Promise<void> {
  const bytes = bytesOf(text);
  await reader.read('a.yaml', bytes).catch((error: unknown) => {
    assert.ok(error instanceof CostlyFileError, String(error));
  });
}

for (const { name, text } of hostileManifests) {
  test(`as long as what is read without a thread, ${name}: nobody waits for long`, async () => {
    using reader = new ManifestReader({ signal: never, deadlineMs: 500 });
    const delayMs = await delayOf(() =>
      readOrRefuse(reader, text(mostInline).slice(0, mostInline)),
    );
    assert.ok(delayMs < longestMs, `${delayMs} ms`);
  });

  test(`of half a MiB, ${name}: nobody waits for long`, async () => {
    using reader = new ManifestReader({ signal: never, deadlineMs: 500 });
    const delayMs = await delayOf(() => readOrRefuse(reader, text(2 ** 19)));
    assert.ok(delayMs < longestMs, `${delayMs} ms`);
  });
}

const long = `${goodManifests}${'# nothing else\n'.repeat(2_000)}`;
const keys = hostileManifests[0]?.text(2 ** 20) ?? '';

test('a long file is read in a thread as a short one is read without', async () => {
  using reader = new ManifestReader({ signal: never });
  const read = await reader.read('a.yaml', bytesOf(long));
  assert.deepEqual(read, readManifests('a.yaml', long));
  assert.equal(read.objects.size, 5);
  const again = await reader.read('a.yaml', bytesOf(`${long}#\n`), read);
  assert.equal(again.objects.get('Pod shop/web-1'), read.objects.get('Pod shop/web-1'));
  const broken = await reader.read('a.yaml', bytesOf(`${long}---\n{ kind: [`), again);
  assert.equal(broken.objects, again.objects);
  assert.match(broken.problems[0]?.text ?? '', /^a\.yaml, document 6: is not YAML: /);
});

test('thousands of objects come in one piece and in their order', async () => {
  using reader = new ManifestReader({ signal: never });
  const names = Array.from({ length: 3_000 }, (_, index) => `n${index}`);
  const yaml = names.map((name) => `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}`);
  const { objects, problems, complete } = await reader.read(
    'a.yaml',
    bytesOf(yaml.join('\n---\n')),
  );
  assert.deepEqual(
    [...objects.keys()],
    names.map((name) => `Namespace ${name}`),
  );
  assert.deepEqual(problems, []);
  assert.equal(complete, true);
});

test('a file that takes longer than its time is refused, and the next one is read', async () => {
  using reader = new ManifestReader({ signal: never, deadlineMs: 300 });
  await assert.rejects(reader.read('a.yaml', bytesOf(keys.repeat(4))), {
    message: 'takes longer than 0.3 s to read',
  });
  const { objects } = await reader.read('b.yaml', bytesOf(goodManifests));
  assert.equal(objects.size, 5);
});

test('an object that is larger than an API server stores is refused alone', async () => {
  using reader = new ManifestReader({ signal: never });
  const label = `{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {a: ${'b'.repeat(2 ** 21)}}}}`;
  const { objects, problems } = await reader.read(
    'a.yaml',
    bytesOf(`${goodManifests}---\n${label}`),
  );
  assert.equal(objects.size, 5);
  assert.deepEqual(
    problems.map(({ text }) => text),
    ['a.yaml, document 6: Pod default/a: is larger than an API server stores (1572864 bytes)'],
  );
});

test('of very many problems the first are told in words and the others as a number', async () => {
  using reader = new ManifestReader({ signal: never });
  const pod = (index: number): string =>
    `{apiVersion: v1, kind: Pod, metadata: {name: a${index}}, spec: 7}`;
  const yaml = Array.from({ length: 1_000 }, (_, index) => pod(index)).join('\n---\n');
  const { problems } = await reader.read('a.yaml', bytesOf(yaml));
  assert.equal(problems.length, 101);
  assert.equal(problems.at(-1)?.text, 'a.yaml: has 900 more problems');
  assert.equal(problems.at(-1)?.count, 900);
});

test('whoever stops while a file is read waits for nothing, and no thread is left', async () => {
  // The first thread has the process start others, which stay.
  using first = new ManifestReader({ signal: never });
  await first.read('a.yaml', bytesOf(long));
  first[Symbol.dispose]();
  await setTimeout(500);
  const others = threads();
  const stop = new AbortController();
  using reader = new ManifestReader({ signal: stop.signal });
  const reading = reader.read('a.yaml', bytesOf(keys.repeat(4)));
  await setTimeout(300);
  const began = performance.now();
  stop.abort();
  await assert.rejects(reading, { message: 'no longer read' });
  assert.ok(performance.now() - began < 200);
  while (threads() > others) {
    assert.ok(performance.now() - began < 5_000, 'a thread is left');
    await setTimeout(10);
  }
});

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, type TestContext, test } from 'node:test';
import type { Worker } from 'node:worker_threads';
import { hostileManifests } from '../../../test/support/hostile-manifests.ts';
import { goodManifests } from '../../../test/support/malformed-manifests.ts';
import { readManifests } from './file.ts';
import { CostlyFileError, ManifestReader, mostInline } from './reader.ts';

const never = new AbortController().signal;
const bytesOf = (text: string): Uint8Array => Buffer.from(text);

/** Threads that begin from now on. */
function startedThreads(context: TestContext): readonly Worker[] {
  const started: Worker[] = [];
  const onWorker = (worker: Worker): unknown => started.push(worker);
  process.on('worker', onWorker);
  context.after(() => process.off('worker', onWorker));
  return started;
}

/** For tests of reading alone: a thread takes a quarter of a second to begin. */
const sharedReader = new ManifestReader({ signal: never });
after(() => sharedReader[Symbol.dispose]());

const comment = (length: number): string => `#${' '.repeat(length - 2)}\n`;
const tooLong = comment(mostInline);
const long = `${goodManifests}${tooLong}`;
// Seconds of work, and more than fifty times its size in memory.
const keys = hostileManifests[0]?.text(2 ** 20) ?? '';

for (const { what, text, isInThread } of [
  { what: 'as long as may be', text: comment(mostInline), isInThread: false },
  { what: 'a byte longer', text: comment(mostInline + 1), isInThread: true },
  { what: 'short and with an alias', text: '{a: &a 1, b: *a}\n', isInThread: true },
]) {
  test(`a file ${what} is read ${isInThread ? 'in a thread' : 'without a thread'}`, async (context) => {
    const started = startedThreads(context);
    using reader = new ManifestReader({ signal: never });
    await reader.read('a.yaml', bytesOf(text));
    assert.equal(started.length, isInThread ? 1 : 0);
  });
}

test('a file that costs more than its size suggests gives the same result in a thread', async (context) => {
  const started = startedThreads(context);
  using reader = new ManifestReader({ signal: never });
  for (const { name, text } of hostileManifests) {
    const file = `${text(300)}\n${tooLong}`;
    const read = await reader.read('a.yaml', bytesOf(file));
    assert.deepEqual(read, readManifests('a.yaml', file), name);
  }
  assert.equal(started.length, 1);
});

test('a long file read in a thread gives the same result as a short one', async () => {
  const read = await sharedReader.read('a.yaml', bytesOf(long));
  assert.deepEqual(read, readManifests('a.yaml', long));
  assert.equal(read.objects.size, 5);
  const again = await sharedReader.read('a.yaml', bytesOf(`${long}#\n`), read);
  assert.equal(again.objects.get('Pod shop/web-1'), read.objects.get('Pod shop/web-1'));
  const broken = await sharedReader.read('a.yaml', bytesOf(`${long}---\n{ kind: [`), again);
  assert.equal(broken.objects, again.objects);
  assert.match(broken.problems[0]?.text ?? '', /^a\.yaml, document 6: is not YAML: /);
});

test('more than a thousand objects arrive together and in order', async () => {
  const names = Array.from({ length: 1_200 }, (_, index) => `n${index}`);
  const yaml = names.map((name) => `{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}`);
  const { objects, problems, complete } = await sharedReader.read(
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

test('a file that takes too long is refused, and the next one is read', async () => {
  using reader = new ManifestReader({ signal: never, deadlineMs: 50 });
  await assert.rejects(reader.read('a.yaml', bytesOf(keys)), (error) => {
    assert.ok(error instanceof CostlyFileError);
    assert.equal(error.message, 'takes longer than 0.05 s to read');
    return true;
  });
  const { objects } = await reader.read('b.yaml', bytesOf(goodManifests));
  assert.equal(objects.size, 5);
});

test('a file that takes too much memory is refused, and another thread reads the next one', async (context) => {
  const started = startedThreads(context);
  using reader = new ManifestReader({ signal: never, memoryMebibytes: 16 });
  await assert.rejects(reader.read('a.yaml', bytesOf(keys)), (error) => {
    assert.ok(error instanceof CostlyFileError);
    assert.equal(error.message, 'takes more than 16 MiB of memory to read');
    return true;
  });
  const { objects } = await reader.read('b.yaml', bytesOf(long));
  assert.equal(objects.size, 5);
  assert.equal(started.length, 2);
});

test('only the object that is larger than an API server stores is refused', async () => {
  const label = `{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {a: ${'b'.repeat(1_572_864)}}}}`;
  const { objects, problems } = await sharedReader.read(
    'a.yaml',
    bytesOf(`${goodManifests}---\n${label}`),
  );
  assert.equal(objects.size, 5);
  assert.deepEqual(
    problems.map(({ text }) => text),
    ['a.yaml, document 6: Pod default/a: is larger than an API server stores (1572864 bytes)'],
  );
});

test('of very many problems the first ones have a text and the others are counted', async () => {
  const pod = (index: number): string =>
    `{apiVersion: v1, kind: Pod, metadata: {name: a${index}}, spec: 7}`;
  const yaml = Array.from({ length: 300 }, (_, index) => pod(index)).join('\n---\n');
  const { problems } = await sharedReader.read('a.yaml', bytesOf(yaml));
  assert.equal(problems.length, 101);
  assert.equal(problems.at(-1)?.text, 'a.yaml: has 200 more problems');
  assert.equal(problems.at(-1)?.count, 200);
});

test('stopping while a file is read does not wait for it, and no thread is left', async (context) => {
  const started = startedThreads(context);
  const stop = new AbortController();
  using reader = new ManifestReader({ signal: stop.signal, deadlineMs: 3_600_000 });
  const begins = once(process, 'worker') as Promise<[Worker]>;
  const reading = assert.rejects(reader.read('a.yaml', bytesOf(keys)), {
    message: 'no longer read',
  });
  const [thread] = await begins;
  let answers = 0;
  thread.on('message', () => answers++);
  const ended = once(thread, 'exit');
  stop.abort();
  await reading;
  await ended;
  assert.equal(answers, 0);
  await assert.rejects(reader.read('a.yaml', bytesOf(long)), { name: 'AbortError' });
  assert.equal(started.length, 1);
});

test('the thread ends with the reader', async (context) => {
  const started = startedThreads(context);
  const reader = new ManifestReader({ signal: never });
  await reader.read('a.yaml', bytesOf(long));
  const [thread] = started;
  assert.ok(thread !== undefined);
  const ended = once(thread, 'exit');
  reader[Symbol.dispose]();
  await ended;
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TooLongError } from './client/answer-body.ts';
import { FullList } from './full-list.ts';
import { ObjectStore } from './object-store.ts';

interface Scene {
  readonly list: FullList;
  readonly limits: number[];
  readonly store: ObjectStore<object>;
  /** Addresses that returned a wrong page. */
  readonly avoided: string[];
  read(): Promise<string>;
}

function scene(answer: (query: URLSearchParams, index: number) => unknown): Scene {
  const limits: number[] = [];
  const avoided: string[] = [];
  const list = new FullList({
    client: {
      async answer({ path }) {
        const { searchParams } = new URL(path, 'http://localhost');
        limits.push(Number(searchParams.get('limit')));
        return { json: answer(searchParams, limits.length - 1), server: `s${limits.length}` };
      },
      avoid: (server) => avoided.push(server),
    },
    resource: 'pods',
    kind: 'Pod',
    path: (query) => `/?${new URLSearchParams(query)}`,
  });
  const store = new ObjectStore<object>(
    (_, raw) => raw as object,
    () => undefined,
  );
  store.set('old', { metadata: { name: 'old' } });
  const { signal } = new AbortController();
  const read = async (): Promise<string> =>
    (await list.read(store.replace(), signal)).resourceVersion;
  return { list, limits, avoided, store, read };
}

const names = (from: number, count: number): object[] =>
  Array.from({ length: count }, (_, index) => ({
    metadata: { namespace: 'x', name: `x-${from + index}` },
  }));

test('the version of a list is that of its first page', async () => {
  const pages = [
    { metadata: { resourceVersion: '7', continue: 'a' }, items: names(0, 250) },
    { metadata: { resourceVersion: '9' }, items: names(250, 3) },
  ];
  const { read, store } = scene((_, index) => pages[index]);
  assert.equal(await read(), '7');
  assert.deepEqual([...store.view().keys()], ['old'], 'nothing is shown before it is committed');
});

test('a page that is too long is requested again in smaller pages until it fits', async () => {
  const { read, limits } = scene((query) => {
    if (Number(query.get('limit')) > 10) throw new TooLongError('longer than 7 bytes');
    return { metadata: { resourceVersion: '7' }, items: [] };
  });
  await assert.rejects(read(), /list pods: longer than 7 bytes; asked for 50 at a time/);
  await assert.rejects(read(), /asked for 10 at a time/);
  assert.equal(await read(), '7');
  assert.deepEqual(limits, [250, 50, 10]);
});

test('a list with endless full pages is abandoned, and nothing of it is kept', async () => {
  const { read, limits, avoided, store } = scene((_, index) => ({
    metadata: { resourceVersion: '7', continue: `t${index}` },
    items: names(index * 250, 250),
  }));
  await assert.rejects(read(), /list pods: the answer is not a list: more than 200000 objects/);
  assert.ok(limits.length <= 803, `${limits.length} pages`);
  assert.equal(store.size, 1);
  assert.deepEqual(avoided, [`s${limits.length - 1}`], 'the server of the page at fault');
});

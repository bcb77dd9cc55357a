import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { ServiceConnection, ServiceConnections } from '../../api/service-connections.ts';
import type { ServiceView } from '../../api/services.ts';
import { InputError } from '../../base/input-error.ts';
import type { ConnectionQuery, ConnectionSource } from './service-connections.ts';
import { answerServices } from './services.ts';

type Pieces = readonly (readonly number[])[];

/** Connections with these numbers as states. */
function sourceOf(pieces: Pieces, cut?: ServiceConnections['cut']) {
  const asked: ConnectionQuery[] = [];
  const ended: string[] = [];
  const connections: ConnectionSource = (query) => {
    asked.push(query);
    if (query.pod === 'none') throw new InputError({ object: 'pod', rule: 'is not a pod' });
    return (async function* () {
      try {
        for (const piece of pieces)
          yield piece.map((number) => ({ state: `${number}` }) as ServiceConnection);
        return cut;
      } finally {
        ended.push('ended');
      }
    })();
  };
  return { connections, asked, ended };
}

async function serve(context: TestContext, connections: ConnectionSource): Promise<string> {
  const server = createServer((request, response) => {
    const find = (name: string) => (name === 'shop/web' ? [{ name } as ServiceView] : []);
    const sources = { list: () => [], find, explain: () => assert.fail(), connections };
    const url = new URL(request.url ?? '', 'http://agent');
    answerServices(url, response, sources).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  context.after(() => server.close());
  context.after(() => server.closeAllConnections());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/services/connections`;
}

async function answerOf(url: string): Promise<readonly unknown[]> {
  const response = await fetch(url);
  return [response.status, await response.json()];
}

const cases: readonly (readonly [string, Pieces, ServiceConnections['cut'], unknown])[] = [
  ['no piece', [], undefined, { connections: [] }],
  ['empty pieces', [[], []], 'time', { connections: [], cut: 'time' }],
  [
    'several pieces',
    [[], [1, 2], [], [3]],
    'limit',
    { connections: [1, 2, 3].map((number) => ({ state: `${number}` })), cut: 'limit' },
  ],
];

for (const [what, pieces, cut, answer] of cases)
  test(`${what} become one answer`, async (context) => {
    const { connections, ended } = sourceOf(pieces, cut);
    assert.deepEqual(await answerOf(await serve(context, connections)), [200, answer]);
    assert.deepEqual(ended, ['ended']);
  });

test('the question is passed on, with a limit of 1000 unless another is given', async (context) => {
  const { connections, asked } = sourceOf([]);
  const url = await serve(context, connections);
  await answerOf(url);
  await answerOf(`${url}?service=shop%2Fweb&pod=shop%2Fa&limit=5`);
  assert.deepEqual(asked, [
    { limit: 1000, service: undefined, pod: undefined },
    { limit: 5, service: 'shop/web', pod: 'shop/a' },
  ]);
});

test('a question that cannot be answered is refused before anything is read', async (context) => {
  const { connections, asked } = sourceOf([]);
  const url = await serve(context, connections);
  const error = 'db: no Service of this name has a cluster address (heddle services lists them)';
  assert.deepEqual(await answerOf(`${url}?service=db`), [404, { error }]);
  for (const limit of ['0', '1.5', 'many', '']) {
    const [status, answer] = await answerOf(`${url}?limit=${limit}`);
    assert.equal(status, 400);
    assert.match(JSON.stringify(answer), /limit: .*is not a whole number of at least 1/);
  }
  assert.deepEqual(asked, []);
  assert.deepEqual(await answerOf(`${url}?pod=none`), [400, { error: 'pod: is not a pod' }]);
});

test('reading ends when the reader leaves', async (context) => {
  let read = 0;
  let end: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const url = await serve(context, async function* () {
    try {
      const state = 'x'.repeat(100_000);
      for (; ; read++) yield [{ state } as ServiceConnection];
    } finally {
      end();
    }
  });
  const leave = new AbortController();
  const response = await fetch(url, { signal: leave.signal });
  await response.body?.getReader().read();
  leave.abort();
  await ended;
  // It waits for the reader, and does not read ahead without bound.
  assert.ok(read < 1000, `${read} pieces`);
});

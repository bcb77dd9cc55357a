import assert from 'node:assert/strict';
import { Agent, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { apiTimes } from './api-times.ts';
import { exchange } from './exchange.ts';

type Respond = (response: ServerResponse, index: number, request: IncomingMessage) => void;

interface Scene {
  /** Number of requests that the server has received. */
  readonly count: () => number;
  readonly ask: () => Promise<IncomingMessage>;
}

/** Requests share one connection as long as the server keeps it. */
async function scene(context: TestContext, respond: Respond): Promise<Scene> {
  let count = 0;
  const server = createServer((request, response) => respond(response, count++, request));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  context.after(() => {
    agent.destroy();
    server.close();
    server.closeAllConnections();
  });
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (): Promise<IncomingMessage> =>
    exchange({ server: address, path: '/', options: { agent }, times: apiTimes });
  return { count: () => count, ask };
}

async function read(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response) text += chunk;
  return text;
}

test('a reset during an answer on a reused connection is reported, and the request is not repeated', async (context) => {
  const { count, ask } = await scene(context, (response, index, request) => {
    if (index === 0) {
      response.end('first');
      return;
    }
    response.flushHeaders();
    if (index === 1) setTimeout(() => request.socket.resetAndDestroy(), 10);
  });
  assert.equal(await read(await ask()), 'first');
  await delay(5);
  const second = await ask();
  assert.equal(second.statusCode, 200);
  await assert.rejects(read(second), { code: 'ECONNRESET' });
  await delay(50);
  assert.equal(count(), 2);
});

test('a request lost on an idle connection before any answer is sent again', async (context) => {
  const { count, ask } = await scene(context, (response, index, request) => {
    if (index === 1) request.socket.resetAndDestroy();
    else response.end('well');
  });
  assert.equal(await read(await ask()), 'well');
  await delay(5);
  assert.equal(await read(await ask()), 'well');
  assert.equal(count(), 3);
});

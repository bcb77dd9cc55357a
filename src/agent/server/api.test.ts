import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import type { NodeStatus } from '../../api/status.ts';
import { FlowLog } from '../../observe/flow-log.ts';
import { type ApiSources, listenApi } from './api.ts';
import { type HealthSources, listenHealth } from './health.ts';

const health: HealthSources = {
  notReady: () => undefined,
};

function fakeSources(flows = new FlowLog()): ApiSources {
  return {
    log: silentLogger,
    health,
    metrics: async () => ({ contentType: 'text/plain', text: 'heddle_endpoints 0\n' }),
    flows,
    status: () => ({ node: 'node-1' }) as NodeStatus,
    endpoints: () => [],
    services: {
      list: () => [],
      find: () => [],
      explain: () => assert.fail(),
      connections: () => assert.fail(),
    },
    nodes: () => {
      throw new Error('nodes are out');
    },
    maps: () => ({ maps: [{ name: 'flows', maxEntries: 8 }] }),
    kernel: () => ({ links: [], addresses: [], routes: [], neighbours: [] }),
    dumpMap: async (name, limit) =>
      name === 'flows' ? { name, maxEntries: limit, entries: [], truncated: false } : undefined,
    cni: async (body) => ({ exitCode: 1, body: `got ${body.toString()}` }),
  };
}

async function serve(context: TestContext, sources: ApiSources): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-api-'));
  const socketPath = join(folder, 'run', 'agent.sock');
  const server = await listenApi(socketPath, sources);
  context.after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  return socketPath;
}

interface Call {
  readonly socketPath: string;
  readonly path: string;
  readonly method?: string;
  readonly body?: string;
}

function open({ socketPath, path, method = 'GET', body }: Call): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path, method }, resolve).once('error', reject).end(body);
  });
}

async function call(options: Call): Promise<{ status: number; text: string; exit: unknown }> {
  const response = await open(options);
  let text = '';
  for await (const chunk of response) text += String(chunk);
  return { status: response.statusCode ?? 0, text, exit: response.headers['heddle-exit'] };
}

test('each path answers JSON, and an unknown one says so', async (context) => {
  const socketPath = await serve(context, fakeSources());
  const cases: [string, number, string][] = [
    ['/v1/status', 200, '{"node":"node-1"}'],
    ['/v1/endpoints', 200, '[]'],
    ['/v1/maps', 200, '{"maps":[{"name":"flows","maxEntries":8}]}'],
    [
      '/v1/maps/flows?limit=5',
      200,
      '{"name":"flows","maxEntries":5,"entries":[],"truncated":false}',
    ],
    ['/v1/maps/flows?limit=x', 400, '{"error":"limit: NaN is not a whole number"}'],
    ['/v1/maps/none', 404, '{"error":"none: no such map (flows)"}'],
    ['/v1/nodes', 500, '{"error":"nodes are out"}'],
    ['/v2', 404, '{"error":"GET /v2: no such route"}'],
    ['/healthz', 200, 'ok\n'],
    ['/readyz', 200, 'ok\n'],
    ['/metrics', 200, 'heddle_endpoints 0\n'],
  ];
  for (const [path, status, text] of cases) {
    const answer = await call({ socketPath, path });
    assert.deepEqual({ status: answer.status, text: answer.text }, { status, text }, path);
  }
});

/** Everything received until the agent ends the connection. */
function exchange(socketPath: string, pieces: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    let text = '';
    socket.on('data', (chunk) => {
      text += String(chunk);
    });
    // EPIPE: refused before everything was sent.
    socket.on('error', (error: NodeJS.ErrnoException) => error.code === 'EPIPE' || reject(error));
    socket.once('close', () => resolve(text));
    const send = async (): Promise<void> => {
      for (const piece of pieces) {
        await new Promise<unknown>((sent) => socket.write(piece, sent));
        await turn();
      }
    };
    send().catch(reject);
  });
}

const shimHead = (length: number): string =>
  `POST /v1/cni HTTP/1.1\r\nHost: heddle\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
const cniRequests: readonly [string, readonly string[]][] = [
  ['in one piece', [`${shimHead(5)}abcde`]],
  ['head and body apart', [shimHead(5), 'abcde']],
  ['in many pieces', [`${shimHead(5)}a`, 'b', 'c', 'de']],
  ['with the head cut', [shimHead(5).slice(0, 40), `${shimHead(5).slice(40)}abcde`]],
  ['with a head of another version', [shimHead(5).replace('Host: heddle', 'Host: other'), 'abcde']],
  [
    'with its length last',
    [
      'POST /v1/cni HTTP/1.1\r\nConnection: close\r\nHost: heddle\r\nContent-Length: 5\r\n\r\nabcde',
    ],
  ],
];

for (const [how, pieces] of cniRequests) {
  test(`a CNI request that comes ${how} has the same answer`, async (context) => {
    const socketPath = await serve(context, fakeSources());
    const text = await exchange(socketPath, pieces);
    assert.match(text, /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(text, /\r\ncontent-length: 9\r\n/i);
    assert.match(text, /\r\nheddle-exit: 1\r\n/i);
    assert.match(text, /\r\n\r\ngot abcde$/);
  });
}

test('a CNI request that is too long is refused, and a truncated one is not carried out', async (context) => {
  let carriedOut = 0;
  const socketPath = await serve(context, {
    ...fakeSources(),
    cni: async () => {
      carriedOut++;
      return { exitCode: 0, body: '' };
    },
  });
  const long = 9_900_000;
  assert.match(await exchange(socketPath, [shimHead(long), 'x'.repeat(long)]), /^HTTP\/1\.1 413 /);
  const socket = connect(socketPath);
  socket.end(`${shimHead(5)}abc`);
  await once(socket.resume(), 'close');
  assert.equal(carriedOut, 0);
});

test('only root has access to the socket', async (context) => {
  const socketPath = await serve(context, fakeSources());
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
});

test('a socket left over by a killed agent is replaced', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-api-'));
  const path = join(folder, 'agent.sock');
  writeFileSync(path, '');
  const server = await listenApi(path, fakeSources());
  context.after(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });
  assert.equal((await call({ socketPath: path, path: '/healthz' })).status, 200);
});

test('a CNI request is passed on unchanged and answered with output and exit code', async (context) => {
  const socketPath = await serve(context, fakeSources());
  const answer = await call({
    socketPath,
    path: '/v1/cni',
    method: 'POST',
    body: 'CNI_COMMAND=ADD',
  });
  assert.deepEqual(answer, { status: 200, text: 'got CNI_COMMAND=ADD', exit: '1' });
});

test('flows are lines, and following ones arrive until the reader leaves', async (context) => {
  const flows = new FlowLog();
  flows.appendGap('suppressed', 1);
  flows.appendGap('suppressed', 2);
  const socketPath = await serve(context, fakeSources(flows));
  const recent = await call({ socketPath, path: '/v1/flows?last=1' });
  assert.match(recent.text, /^\{.*"records":2\}\n$/);
  const response = await open({ socketPath, path: '/v1/flows?follow=1' });
  let text = '';
  for await (const chunk of response) {
    text += String(chunk);
    const lines = text.trimEnd().split('\n').length;
    if (lines === 2) flows.appendGap('ring full', 3);
    if (lines === 3) break;
  }
  assert.match(text, /"cause":"ring full","records":3/);
});

test('readyz reports what the agent waits for, also over TCP', async (context) => {
  const { address, close } = await listenHealth('127.0.0.1:0', {
    ...health,
    notReady: () => 'the first settle has not finished',
  });
  context.after(close);
  const answer = await fetch(`http://${address}/readyz`);
  assert.equal(answer.status, 503);
  assert.equal(await answer.text(), 'the first settle has not finished\n');
  assert.equal((await fetch(`http://${address}/healthz`)).status, 200);
  assert.equal((await fetch(`http://${address}/v1/status`)).status, 404, 'not the API');
  await assert.rejects(listenHealth(address, health), { code: 'EADDRINUSE' });
});

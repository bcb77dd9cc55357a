import assert from 'node:assert/strict';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import type { NodeStatus } from '../../api/status.ts';
import { FlowLog } from '../../observe/flow-log.ts';
import { type ApiSources, listenApi } from './api.ts';
import { ApiConnections, type ConnectionLimits } from './connections.ts';

const sources: ApiSources = {
  log: silentLogger,
  health: { notReady: () => undefined },
  metrics: async () => ({ contentType: 'text/plain', text: '' }),
  flows: new FlowLog(),
  status: () => ({ node: 'node-1' }) as NodeStatus,
  endpoints: () => [],
  services: {
    list: () => [],
    find: () => [],
    explain: () => assert.fail(),
    connections: () => assert.fail(),
  },
  nodes: () => [],
  maps: () => ({ maps: [] }),
  kernel: () => ({ links: [], addresses: [], routes: [], neighbours: [] }),
  dumpMap: async () => undefined,
  cni: async (body) => ({ exitCode: 0, body: `got ${body.length}` }),
};

function freshPath(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-connections-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'run', 'agent.sock');
}

async function serve(
  context: TestContext,
  limits: Partial<ConnectionLimits>,
  more: Partial<ApiSources> = {},
): Promise<string> {
  const path = freshPath(context);
  const all = { most: 100, others: 50, requestMs: 60_000, ...limits };
  const server = await listenApi(path, { ...sources, ...more }, new ApiConnections(all));
  context.after(() => {
    server.close();
    server.closeAllConnections();
  });
  return path;
}

async function client(context: TestContext, path: string, text = ''): Promise<Socket> {
  const socket = connect(path);
  context.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  if (text !== '') socket.write(text);
  return socket;
}

async function whole(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

const shimRequest = (length: number): string =>
  `POST /v1/cni HTTP/1.1\r\nHost: heddle\r\nContent-Type: application/octet-stream\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n`;
const followFlows = 'GET /v1/flows?follow=1 HTTP/1.1\r\nHost: heddle\r\n\r\n';

test('one connection too many is refused with a text, and there is room again when another ends', async (context) => {
  const path = await serve(context, { most: 3 });
  const idle = [];
  for (let index = 0; index < 3; index++) idle.push(await client(context, path));
  const refused = await whole(await client(context, path, `${shimRequest(3)}abc`));
  assert.match(
    refused,
    /^HTTP\/1\.1 503 [\s\S]*\r\n\r\nthe agent has 3 connections, the maximum: try again$/,
  );
  idle[0]?.end();
  await once(idle[0]?.resume() as Socket, 'close');
  assert.match(await whole(await client(context, path, `${shimRequest(3)}abc`)), /got 3$/);
});

test('readers of the API leave room for CNI requests', async (context) => {
  const path = await serve(context, { most: 10, others: 2 });
  for (let index = 0; index < 2; index++) {
    const follower = await client(context, path, followFlows);
    await once(follower, 'data');
  }
  assert.match(await whole(await client(context, path, followFlows)), / 503 [\s\S]*2 readers/);
  for (let index = 0; index < 5; index++) {
    assert.match(await whole(await client(context, path, `${shimRequest(3)}abc`)), /got 3$/);
  }
});

const unfinished: readonly [string, string][] = [
  ['nothing', ''],
  ['half of the head', shimRequest(3).slice(0, 30)],
  ['half of the body', `${shimRequest(9)}abc`],
  ['half of the head of another request', 'GET /v1/status HTTP/1.1\r\nHos'],
  [
    'half of the body of a request in other words',
    'POST /v1/cni HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc',
  ],
];

for (const [what, text] of unfinished) {
  test(`a client that sends ${what} is not waited for`, async (context) => {
    let asked = 0;
    const path = await serve(
      context,
      { requestMs: 50 },
      {
        cni: async () => {
          asked++;
          return { exitCode: 0, body: '' };
        },
      },
    );
    assert.equal(await whole(await client(context, path, text)), '');
    assert.equal(asked, 0);
  });
}

test('a request may be processed longer than it may take to send', async (context) => {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const path = await serve(
    context,
    { requestMs: 30 },
    {
      cni: async () => {
        await promise;
        return { exitCode: 0, body: 'late' };
      },
    },
  );
  const asking = await client(context, path, `${shimRequest(3)}abc`);
  const idle = await client(context, path);
  // It began later, and was ended because it sent nothing.
  await whole(idle);
  resolve();
  assert.match(await whole(asking), /late$/);
});

test('a large request that waits for its turn is not closed', async (context) => {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const path = await serve(
    context,
    { requestMs: 200 },
    {
      cni: async (body) => {
        await promise;
        return { exitCode: 0, body: `got ${body.length}` };
      },
    },
  );
  const size = 300_000;
  const request = shimRequest(size) + 'x'.repeat(size);
  const asking = await Promise.all([1, 2, 3, 4].map(() => client(context, path, request)));
  const idle = await client(context, path);
  // It arrived last, and was ended because it sent nothing.
  await whole(idle);
  resolve();
  for (const socket of asking) assert.match(await whole(socket), /got 300000$/);
});

test('two large requests are processed at a time, small ones overtake them, all are answered', async (context) => {
  let running = 0;
  let most = 0;
  const path = await serve(
    context,
    {},
    {
      cni: async (body) => {
        if (body.length > 100) {
          running++;
          most = Math.max(most, running);
          await new Promise(setImmediate);
          running--;
        }
        return { exitCode: 0, body: `got ${body.length}` };
      },
    },
  );
  const length = 1_000_000;
  const answers = await Promise.all(
    Array.from({ length: 20 }, async (_, index) => {
      const size = index % 2 === 0 ? length : 3;
      const socket = await client(context, path, shimRequest(size) + 'x'.repeat(size));
      return (await whole(socket)).split(' ').at(-1);
    }),
  );
  assert.deepEqual(
    answers,
    Array.from({ length: 20 }, (_, index) => String(index % 2 === 0 ? length : 3)),
  );
  assert.ok(most <= 2, `${most} at a time`);
});

test('a file in place of the socket is removed, unless it is a folder', async (context) => {
  for (const put of [
    (path: string) => writeFileSync(path, ''),
    (path: string) => symlinkSync('/dev/null', path),
    (path: string) => symlinkSync(join(dirname(path), 'nowhere'), path),
  ]) {
    const path = freshPath(context);
    mkdirSync(dirname(path));
    put(path);
    const server = await listenApi(path, sources);
    assert.match(await whole(await client(context, path, `${shimRequest(3)}abc`)), /got 3$/);
    server.close();
    server.closeAllConnections();
  }
  assert.ok(existsSync('/dev/null'));
  const path = freshPath(context);
  mkdirSync(path, { recursive: true });
  await assert.rejects(listenApi(path, sources), {
    name: 'InputError',
    message: `socket: ${path} is a folder: remove it`,
  });
});

test('a socket is not created where others could replace it', async (context) => {
  const path = freshPath(context);
  mkdirSync(dirname(path));
  chmodSync(dirname(path), 0o777);
  await assert.rejects(listenApi(path, sources), /^InputError: socket: .* is writable by others/);
  assert.ok(!existsSync(path));
});

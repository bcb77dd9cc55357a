import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import {
  type BoundedServer,
  type BoundedServerOptions,
  listenBounded,
  oldestOfTheMost,
  plainText,
} from './bounded-server.ts';
import { openMetricsPort } from './metrics-port.ts';

async function serve(
  context: TestContext,
  maxConnections: number,
  others: Partial<BoundedServerOptions> = {},
): Promise<BoundedServer> {
  const server = await listenBounded({
    address: '127.0.0.1:0',
    maxConnections,
    backlog: 64,
    answer: (path, response) => plainText(response, 200, `${path}\n`),
    ...others,
  });
  context.after(server.close);
  return server;
}

async function client(context: TestContext, address: string): Promise<Socket> {
  const [host = '', port = ''] = address.split(':');
  const socket = connect(Number(port), host);
  context.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Everything received until the other side ends. */
async function whole(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test('of clients that hold connections the oldest is closed, and one with a request is answered', async (context) => {
  const { address } = await serve(context, 4);
  const idle: Socket[] = [];
  for (let index = 0; index < 20; index++) idle.push(await client(context, address));
  const asking = await client(context, address);
  asking.write('GET /healthz?verbose HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.match(
    await whole(asking),
    /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close[\s\S]*\/healthz\n/,
  );
  const [oldest, ...others] = idle;
  assert.ok(oldest);
  assert.equal(await whole(oldest), '');
  assert.ok(others.slice(-3).every(({ destroyed }) => !destroyed));
});

test('a connection serves one request', async (context) => {
  const { address } = await serve(context, 4);
  const socket = await client(context, address);
  socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n');
  const text = await whole(socket);
  assert.match(text, /\/a\n/);
  assert.doesNotMatch(text, /\/b\n/);
});

test('a client that does not send its request in time is closed, however slowly it sends', async (context) => {
  const patienceMs = 150;
  const { address } = await serve(context, 4, { patienceMs });
  const [silent, slow] = [await client(context, address), await client(context, address)];
  slow.write('GET /a HTTP/1.1\r\n');
  const began = performance.now();
  const trickle = setInterval(() => slow.write('X: y\r\n'), 20);
  context.after(() => clearInterval(trickle));
  // Not once(): it rejects if a write meets the end, which the machine may turn into a reset.
  await Promise.all([silent, slow].map((socket) => new Promise((end) => socket.on('close', end))));
  const tookMs = performance.now() - began;
  assert.ok(tookMs < 10 * patienceMs, `${tookMs} ms`);
});

test('a client has the same time again to read the answer, and no more', async (context) => {
  const patienceMs = 300;
  const { address } = await serve(context, 4, { patienceMs, answer: () => undefined });
  const socket = await client(context, address);
  const began = performance.now();
  await setTimeout(patienceMs / 2);
  socket.write('GET /a HTTP/1.1\r\nHost: x\r\n\r\n');
  assert.equal(await whole(socket), '');
  const tookMs = performance.now() - began;
  assert.ok(tookMs > 1.8 * patienceMs && tookMs < 10 * patienceMs, `${tookMs} ms`);
});

test('one connection too many closes the oldest one of the address with the most', () => {
  const connections = new Map([
    ['prometheus', '192.0.2.1'],
    ['first of mallory', '192.0.2.66'],
    ['second of mallory', '192.0.2.66'],
    ['other', '192.0.2.2'],
  ]);
  assert.equal(oldestOfTheMost(connections), 'first of mallory');
  connections.delete('first of mallory');
  assert.equal(oldestOfTheMost(connections), 'prometheus');
  assert.equal(oldestOfTheMost(new Map()), undefined);
});

test('metrics have a port of their own that answers nothing else, and a failed rendering is an error', async (context) => {
  let fails = false;
  const port = await openMetricsPort('127.0.0.1:0', async () => {
    if (fails) throw new Error('no memory');
    return { contentType: 'text/plain; version=0.0.4', text: 'heddle_endpoints 0\n' };
  });
  context.after(port.close);
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => fetch(`http://${port.address}/metrics`)),
  );
  for (const answer of answers) {
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4');
    assert.equal(await answer.text(), 'heddle_endpoints 0\n');
  }
  for (const path of ['/healthz', '/readyz', '/v1/status', '/']) {
    assert.equal((await fetch(`http://${port.address}${path}`)).status, 404, path);
  }
  fails = true;
  assert.equal((await fetch(`http://${port.address}/metrics`)).status, 500);
});

test('a metrics port used by another process is reported in one sentence', async (context) => {
  const { address } = await serve(context, 1);
  const metrics = (): Promise<never> => Promise.reject(new Error('nobody asks'));
  await assert.rejects(openMetricsPort(address, metrics), {
    message: `listen ${address}: EADDRINUSE (another process uses it (\`ss -ltnp\` shows which))`,
  });
});

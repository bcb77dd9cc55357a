import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { answerFrame, cniFrame } from '../../../test/support/shim-agent.ts';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import { type CniSources, listenCni } from './cni-socket.ts';
import { ApiConnections, type ConnectionLimits } from './connections.ts';

interface Served {
  readonly path: string;
  readonly bodies: string[];
}

async function serve(
  context: TestContext,
  limits: Partial<ConnectionLimits> = {},
  cni?: CniSources['cni'],
): Promise<Served> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-cni-socket-'));
  const path = join(folder, 'run', 'agent.sock.cni');
  const bodies: string[] = [];
  const connections = new ApiConnections({ most: 100, others: 50, requestMs: 60_000, ...limits });
  const answer: CniSources['cni'] = async (body) => {
    bodies.push(body.toString());
    return { exitCode: 1, body: `got ${body.length} \u00e9` };
  };
  const server = await listenCni(path, { log: silentLogger, cni: cni ?? answer }, connections);
  context.after(() => {
    server.close();
    server.closeAllConnections();
    rmSync(folder, { recursive: true });
  });
  return { path, bodies };
}

async function client(context: TestContext, path: string): Promise<Socket> {
  const socket = connect(path);
  context.after(() => socket.destroy());
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

async function whole(socket: Socket): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

async function exchange(
  context: TestContext,
  path: string,
  pieces: readonly Uint8Array[],
): Promise<Buffer> {
  const socket = await client(context, path);
  const answer = whole(socket);
  for (const piece of pieces) {
    await new Promise<unknown>((sent) => socket.write(piece, sent));
    await turn();
  }
  return answer;
}

const request = cniFrame('abcde');
const bytewise = Array.from(request, (_, index) => request.subarray(index, index + 1));
const arrivals: readonly [string, readonly Uint8Array[]][] = [
  ['in one piece', [request]],
  ['byte by byte', bytewise],
  ['length and body apart', [request.subarray(0, 4), request.subarray(4)]],
  ['with more behind it', [Buffer.concat([request, Buffer.from('more')])]],
];

for (const [how, pieces] of arrivals) {
  test(`a request that comes ${how} is answered`, async (context) => {
    const { path, bodies } = await serve(context);
    const answer = await exchange(context, path, pieces);
    assert.deepEqual(answer, answerFrame(1, 'got 5 \u00e9'));
    assert.deepEqual(bodies, ['abcde']);
  });
}

test('an empty request asks whether the agent is alive', async (context) => {
  const { path, bodies } = await serve(context);
  assert.deepEqual(await exchange(context, path, [cniFrame('')]), answerFrame(0));
  assert.deepEqual(bodies, []);
});

test('only root can use the socket', async (context) => {
  const { path } = await serve(context);
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test('one connection too many is refused with a text, and there is room again when another ends', async (context) => {
  const { path } = await serve(context, { most: 3 });
  const idle = [];
  for (let index = 0; index < 3; index++) idle.push(await client(context, path));
  const refused = answerFrame(2, 'the agent has 3 connections, the maximum: try again');
  assert.deepEqual(await exchange(context, path, [request]), refused);
  idle[0]?.end();
  await once(idle[0]?.resume() as Socket, 'close');
  assert.deepEqual(await exchange(context, path, [request]), answerFrame(1, 'got 5 \u00e9'));
});

const tooLong = Buffer.alloc(4);
tooLong.writeUInt32BE(9 * 1024 * 1024 + 2);

test('a request that is too long is refused before it is read', async (context) => {
  const { path, bodies } = await serve(context);
  for (const length of [tooLong, Buffer.alloc(4, 0xff), Buffer.from('POST /v1/cni HTTP/1.1')]) {
    const answer = await exchange(context, path, [length]);
    assert.deepEqual(answer, answerFrame(2, 'a CNI request of more than 9437185 bytes'));
  }
  assert.deepEqual(bodies, []);
});

const unfinished: readonly [string, Uint8Array][] = [
  ['nothing', Buffer.alloc(0)],
  ['half of the length', request.subarray(0, 2)],
  ['half of the body', request.subarray(0, 7)],
];

for (const [what, bytes] of unfinished) {
  test(`the server does not wait for a client that sends ${what}`, async (context) => {
    const { path, bodies } = await serve(context, { requestMs: 50 });
    assert.equal((await exchange(context, path, [bytes])).length, 0);
    assert.deepEqual(bodies, []);
  });

  test(`a client that sends ${what} and ends is not answered`, async (context) => {
    const { path, bodies } = await serve(context);
    const socket = await client(context, path);
    socket.end(bytes);
    assert.equal((await whole(socket)).length, 0);
    assert.deepEqual(bodies, []);
  });
}

test('slow clients do not block others', async (context) => {
  const { path } = await serve(context, { most: 20, requestMs: 60_000 });
  for (let index = 0; index < 15; index++) {
    (await client(context, path)).write(cniFrame('x'.repeat(300_000)).subarray(0, 1000 * index));
  }
  for (let index = 0; index < 5; index++) {
    assert.deepEqual(await exchange(context, path, [request]), answerFrame(1, 'got 5 \u00e9'));
  }
});

test('handling a request may take longer than sending it', async (context) => {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  const { path } = await serve(context, { requestMs: 30 }, async () => {
    await promise;
    return { exitCode: 0, body: 'late' };
  });
  const asking = exchange(context, path, [request]);
  // It began later, and was ended because it sent nothing.
  await whole(await client(context, path));
  resolve();
  assert.deepEqual(await asking, answerFrame(0, 'late'));
});

test('two large requests are handled at a time, small ones pass them, all are answered', async (context) => {
  let running = 0;
  let most = 0;
  const { path } = await serve(context, {}, async (body) => {
    if (body.length > 100) {
      running++;
      most = Math.max(most, running);
      await turn();
      running--;
    }
    return { exitCode: 0, body: String(body.length) };
  });
  const sizes = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? 1_000_000 : 3));
  const answers = await Promise.all(
    sizes.map((size) => exchange(context, path, [cniFrame('x'.repeat(size))])),
  );
  assert.deepEqual(
    answers,
    sizes.map((size) => answerFrame(0, String(size))),
  );
  assert.ok(most <= 2, `${most} at a time`);
});

test('a request whose handler fails ends the connection', async (context) => {
  const { path } = await serve(context, {}, async () => {
    throw new Error('no');
  });
  assert.equal((await exchange(context, path, [request])).length, 0);
});

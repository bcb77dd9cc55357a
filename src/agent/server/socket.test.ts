import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { silentLogger } from '../../../test/support/silent-logger.ts';
import type { AgentConfig } from '../../config/schema.ts';
import { type ApiSources, listenApi } from './api.ts';
import { KeptSocket, openSockets } from './socket.ts';
import type { SocketServer } from './socket-file.ts';

class FakeServer implements SocketServer {
  isThere = true;
  isClosed = false;
  connectionsClosed = false;
  readonly ended = new Promise<void>(() => undefined);
  isReachable(): boolean {
    return this.isThere;
  }
  close(): void {
    this.isClosed = true;
  }
  closeAllConnections(): void {
    this.connectionsClosed = true;
  }
}

test('a missing file is listened on again, after the obstacle is reported', async () => {
  const made: FakeServer[] = [];
  const problems: (string | undefined)[] = [];
  let refusals = 0;
  let tellRestored = (): void => undefined;
  const restored = new Promise<void>((resolve) => {
    tellRestored = resolve;
  });
  const socket = await KeptSocket.open({
    periodMs: 1,
    listen: async () => {
      if (refusals-- > 0) throw new Error('no');
      const server = new FakeServer();
      made.push(server);
      return server;
    },
    onProblem: (problem) => problems.push(problem),
    onRestored: () => tellRestored(),
  });
  refusals = 2;
  const [first] = made;
  assert.ok(first);
  first.isThere = false;
  await restored;
  assert.deepEqual(problems, ['no', 'no', undefined]);
  assert.equal(first.isClosed, true);
  assert.equal(first.connectionsClosed, false, 'what was asked by it is answered');
  socket.end();
  assert.deepEqual(
    made.map(({ isClosed, connectionsClosed }) => [isClosed, connectionsClosed]),
    [
      [true, true],
      [true, true],
    ],
  );
});

test('the socket of a process that took the place stays until that process ends', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-socket-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'agent.sock');
  const problems: (string | undefined)[] = [];
  const told = new EventEmitter();
  const socket = await KeptSocket.open({
    periodMs: 5,
    listen: () => listenApi(path, { log: silentLogger } as ApiSources),
    onProblem: (problem) => {
      problems.push(problem);
      told.emit(problem === undefined ? 'well' : 'problem');
    },
    onRestored: () => undefined,
  });
  context.after(() => socket.end());
  rmSync(path);
  const other = createServer((connection) => connection.on('error', () => undefined).end('other'));
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await once(told, 'problem');
  await once(told, 'problem');
  assert.match(problems[0] ?? '', /^socket: .* is in use by another process/);
  assert.equal(lstatSync(path).isSocket(), true);
  const well = once(told, 'well');
  other.close();
  await well;
  assert.equal(lstatSync(path).mode & 0o777, 0o600);
});

// errno of a stat(2) below the folder: ENOTDIR, ELOOP. Node.js's `throwIfNoEntry` covers neither.
const notFolders = [
  { what: 'a file', put: (folder: string) => writeFileSync(folder, '') },
  { what: 'a link to itself', put: (folder: string) => symlinkSync('run', folder) },
];

for (const { what, put } of notFolders) {
  test(`${what} in the place of the folder is a problem until the folder is back`, async (context) => {
    const top = mkdtempSync(join(tmpdir(), 'heddle-socket-'));
    context.after(() => rmSync(top, { recursive: true }));
    const folder = join(top, 'run');
    const path = join(folder, 'agent.sock');
    const told = new EventEmitter();
    const open = (): Promise<KeptSocket> =>
      KeptSocket.open({
        periodMs: 5,
        listen: () => listenApi(path, { log: silentLogger } as ApiSources),
        onProblem: (problem) => told.emit(problem === undefined ? 'well' : 'problem', problem),
        onRestored: () => undefined,
      });
    const socket = await open();
    rmSync(folder, { recursive: true });
    put(folder);
    const [problem] = await once(told, 'problem');
    assert.match(String(problem), /^socket: .*run /);
    await once(told, 'problem');
    rmSync(folder);
    await once(told, 'well');
    assert.ok(lstatSync(path).isSocket());
    rmSync(folder, { recursive: true });
    put(folder);
    assert.doesNotThrow(() => socket.end());
  });
}

test('the API and the CNI shim have one socket each, and both are removed at the end', async (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-socket-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const socket = join(folder, 'agent.sock');
  const config = { socket, reconcilePeriodMs: 5 } as AgentConfig;
  const problems: (readonly [string, string | undefined])[] = [];
  const told = new EventEmitter();
  const sources = { log: silentLogger } as ApiSources;
  const sockets = await openSockets(config, sources, (part, problem) => {
    problems.push([part, problem]);
    told.emit(problem === undefined ? 'well' : 'problem');
  });
  for (const name of ['agent.sock', 'agent.sock.cni']) {
    assert.equal(lstatSync(join(folder, name)).mode & 0o777, 0o600, name);
  }
  rmSync(`${socket}.cni`);
  await once(told, 'well');
  assert.deepEqual(problems, [['CNI socket', undefined]]);
  assert.ok(lstatSync(`${socket}.cni`).isSocket());
  for (const each of sockets) each.end();
  assert.deepEqual(readdirSync(folder), []);
  mkdirSync(`${socket}.cni`);
  await assert.rejects(
    openSockets(config, sources, () => undefined),
    /agent\.sock\.cni is a folder/,
  );
  assert.deepEqual(readdirSync(folder), ['agent.sock.cni'], 'neither is listened on');
});

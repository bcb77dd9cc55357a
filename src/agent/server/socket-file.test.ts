import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { bind, close, socket } from '../../kernel/libc.ts';
import { listenOnFile, refuseAnswered, removeLeftSockets } from './socket-file.ts';

function place(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-socket-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'agent.sock');
}

/** A server that sends its name. */
function server(context: TestContext, name: string): Server {
  const made = createServer((connection) => {
    // A client that only checks whether a server answers reads nothing.
    connection.on('error', () => undefined).end(name);
  });
  context.after(() => made.close());
  return made;
}

function whoAnswers(path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    connect(path)
      .on('data', (chunk) => {
        text += chunk;
      })
      .on('end', () => resolve(text))
      .on('error', reject);
  });
}

const inUse = {
  name: 'InputError',
  message: /^socket: .*agent\.sock is in use by another process/,
};

test('a socket at which a process answers is refused and stays', async (context) => {
  const path = place(context);
  await listenOnFile(server(context, 'first'), path);
  await assert.rejects(refuseAnswered(path), inUse);
  await assert.rejects(listenOnFile(server(context, 'second'), path), inUse);
  assert.equal(await whoAnswers(path), 'first');
});

test('a left-over socket or an empty file is replaced', async (context) => {
  const path = place(context);
  const left = server(context, 'left');
  await listenOnFile(left, path);
  // As after SIGKILL, the file stays.
  await new Promise((resolve) => left.close(resolve));
  assert.ok(existsSync(path));
  await refuseAnswered(path);
  await listenOnFile(server(context, 'next'), path);
  assert.equal(await whoAnswers(path), 'next');
  assert.equal(statSync(path).mode & 0o777, 0o600);

  const other = place(context);
  writeFileSync(other, '');
  await listenOnFile(server(context, 'third'), other);
  assert.equal(await whoAnswers(other), 'third');
});

test('the file of another process is not treated as own, and not removed at the end', async (context) => {
  const path = place(context);
  const ours = server(context, 'ours');
  const file = await listenOnFile(ours, path);
  assert.ok(file.isThere());
  rmSync(path);
  await listenOnFile(server(context, 'other'), path);
  assert.equal(file.isThere(), false);
  file.remove();
  await new Promise((resolve) => ours.close(resolve));
  assert.equal(await whoAnswers(path), 'other');
});

test('the own file is removed', async (context) => {
  const path = place(context);
  const file = await listenOnFile(server(context, 'ours'), path);
  file.remove();
  assert.equal(existsSync(path), false);
});

/** Not a stream, like the sockets of syslog and systemd. */
function datagramSocket(context: TestContext, path: string): { end(): void } {
  let fd: number | undefined = socket(1, 2, 0);
  const end = (): void => {
    if (fd !== undefined) close(fd);
    fd = undefined;
  };
  context.after(end);
  const family = new Uint8Array(new Uint16Array([1]).buffer);
  bind(fd, Buffer.concat([family, Buffer.from(`${path}\0`)]));
  return { end };
}

test('a datagram socket that a process has open is neither taken nor removed', async (context) => {
  const path = place(context);
  const open = datagramSocket(context, path);
  await assert.rejects(listenOnFile(server(context, 'ours'), path), inUse);
  assert.equal(await removeLeftSockets(path, assert.fail), 0);
  assert.ok(existsSync(path));
  open.end();
  await listenOnFile(server(context, 'ours'), path);
  assert.equal(await whoAnswers(path), 'ours');
});

test('a file with contents is not replaced', async (context) => {
  const path = place(context);
  writeFileSync(path, 'node: node-1');
  await assert.rejects(listenOnFile(server(context, 'ours'), path), {
    ...{ name: 'InputError', message: /^socket: .*agent\.sock is a file: remove it/ },
  });
  assert.equal(readFileSync(path, 'utf8'), 'node: node-1');
});

test('only a left-over socket is removed', async (context) => {
  const path = place(context);
  for (const none of [path, `${path}\0`, `/${'x'.repeat(300)}`, `/${'x/'.repeat(3000)}`]) {
    assert.equal(await removeLeftSockets(none, assert.fail), 0);
  }
  mkdirSync(path);
  writeFileSync(join(path, 'file'), 'text');
  assert.equal(await removeLeftSockets(path, assert.fail), 0);
  assert.equal(await removeLeftSockets(join(path, 'file'), assert.fail), 0);
  assert.equal(readFileSync(join(path, 'file'), 'utf8'), 'text');
  const other = place(context);
  const answering = server(context, 'answering');
  await listenOnFile(answering, other);
  assert.equal(await removeLeftSockets(other, assert.fail), 0);
  await new Promise((resolve) => answering.close(resolve));
  assert.equal(await removeLeftSockets(other, assert.fail), 1);
  assert.equal(existsSync(other), false);
});

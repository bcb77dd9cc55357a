import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { refuseChanges } from '../../../test/support/refuse-changes.ts';
import { installCni } from '../../cni/install.ts';
import { removeOurCni } from './cni.ts';

interface Node {
  readonly folder: string;
  readonly cni: { readonly binDirectory: string; readonly configurationDirectory: string };
  readonly files: readonly string[];
}

/** With the files of an agent that uses this socket, in the node's folder. */
function nodeWith(context: TestContext, socket: string): Node {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-uninstall-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const shim = join(folder, 'shim');
  writeFileSync(shim, 'the executable');
  const cni = {
    binDirectory: join(folder, 'bin'),
    configurationDirectory: join(folder, 'net.d'),
  };
  installCni({ ...cni, shim, agentSocket: join(folder, socket) });
  const files = ['net.d/05-heddle.conflist', 'bin/heddle'].map((file) => join(folder, file));
  return { folder, cni, files };
}

const present = ({ files }: Node): number => files.filter((file) => existsSync(file)).length;

async function listening(path: string): Promise<Server> {
  const server = createServer((connection) => connection.destroy());
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return server;
}

/** As of a process that ended without removing it: a server that closes removes its path. */
async function leaveSocket(path: string): Promise<void> {
  const server = await listening(`${path}.made`);
  renameSync(`${path}.made`, path);
  await new Promise((resolve) => server.close(resolve));
}

test('uninstall removes the CNI files of its own socket', async (context) => {
  const node = nodeWith(context, 'agent.sock');
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.deepEqual([found, present(node)], [{ removed: 2, left: [] }, 0]);
  assert.deepEqual(await removeOurCni(join(node.folder, 'agent.sock'), node.cni), {
    ...{ removed: 0, left: [] },
  });
});

test('uninstall removes the CNI files of another socket at which no one answers', async (context) => {
  const node = nodeWith(context, 'other.sock');
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.deepEqual([found, present(node)], [{ removed: 2, left: [] }, 0]);
});

test('uninstall removes the sockets that its agent left with the CNI files', async (context) => {
  const node = nodeWith(context, 'other.sock');
  const other = join(node.folder, 'other.sock');
  await leaveSocket(other);
  await leaveSocket(`${other}.cni`);
  assert.ok(existsSync(other));
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.deepEqual([found, present(node)], [{ removed: 4, left: [] }, 0]);
  assert.ok(!existsSync(other));
  assert.ok(!existsSync(`${other}.cni`));
});

test('uninstall leaves a file that is not a socket at the path in the CNI files', async (context) => {
  const node = nodeWith(context, 'other.sock');
  mkdirSync(join(node.folder, 'other.sock'));
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.deepEqual([found, present(node)], [{ removed: 2, left: [] }, 0]);
  assert.ok(existsSync(join(node.folder, 'other.sock')));
});

test('uninstall leaves and reports CNI files of another socket at which an agent answers', async (context) => {
  const node = nodeWith(context, 'other.sock');
  const other = join(node.folder, 'other.sock');
  const server = await listening(other);
  context.after(() => server.close());
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.equal(present(node), 2);
  assert.equal(found.removed, 0);
  assert.deepEqual(found.left, [
    `${node.files[0]} points to ${other}, where another agent answers: stop it, then run this again with --socket ${other}`,
  ]);
});

test('uninstall removes unreadable CNI files', async (context) => {
  const node = nodeWith(context, 'other.sock');
  writeFileSync(join(node.folder, 'net.d/05-heddle.conflist'), '{');
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.deepEqual([found, present(node)], [{ removed: 2, left: [] }, 0]);
});

test('uninstall removes CNI files whose socket path cannot be a socket', async (context) => {
  for (const socket of ['a\0b', 'x'.repeat(300), 'y/'.repeat(3000)]) {
    const node = nodeWith(context, socket);
    const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
    assert.deepEqual([found, present(node)], [{ removed: 2, left: [] }, 0]);
  }
});

test('uninstall does not wait for a writer of the CNI configuration', async (context) => {
  const node = nodeWith(context, 'other.sock');
  const [configuration = ''] = node.files;
  rmSync(configuration);
  execFileSync('mkfifo', [configuration]);
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.deepEqual([found, present(node)], [{ removed: 2, left: [] }, 0]);
});

test('uninstall reports a folder in place of the CNI configuration, and continues', async (context) => {
  const node = nodeWith(context, 'other.sock');
  const [configuration = ''] = node.files;
  rmSync(configuration);
  mkdirSync(configuration);
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  assert.equal(found.removed, 1);
  assert.match(found.left.join(), /05-heddle\.conflist is a folder; remove it by hand/);
});

test('uninstall reports each CNI file that cannot be removed with the reason, and removes the other', async (context) => {
  const rows = [
    { refusing: 'bin', left: 'bin/heddle' },
    { refusing: 'net.d', left: 'net.d/05-heddle.conflist' },
  ];
  for (const { refusing, left } of rows) {
    const node = nodeWith(context, 'other.sock');
    for (const each of ['bin', 'net.d']) chmodSync(join(node.folder, each), 0o777);
    const refusal = refuseChanges(join(node.folder, refusing));
    const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
    refusal[Symbol.dispose]();
    assert.deepEqual([found.removed, present(node)], [1, 1]);
    const file = join(node.folder, left);
    assert.deepEqual(found.left, [
      `${file} could not be removed: EACCES: permission denied, unlink '${file}'`,
    ]);
  }
});

test('uninstall reports the socket that stays because the CNI files cannot be removed', async (context) => {
  const node = nodeWith(context, 'run/other.sock');
  mkdirSync(join(node.folder, 'run'));
  const other = join(node.folder, 'run/other.sock');
  await leaveSocket(other);
  chmodSync(other, 0o666);
  for (const each of ['bin', 'net.d']) chmodSync(join(node.folder, each), 0o777);
  const refusal = refuseChanges(join(node.folder, 'run'));
  const found = await removeOurCni(join(node.folder, 'agent.sock'), node.cni);
  refusal[Symbol.dispose]();
  assert.equal(found.removed, 2);
  assert.match(found.left.join(), /other\.sock could not be removed: EACCES: [^;]*$/);
});

import assert from 'node:assert/strict';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { refuseChanges } from '../../../test/support/refuse-changes.ts';
import { removeFiles } from './files.ts';

interface Place {
  readonly stateDir: string;
  readonly socket: string;
}

function place(context: TestContext): Place {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-files-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const stateDir = join(folder, 'state');
  mkdirSync(join(stateDir, 'endpoints'), { recursive: true });
  for (const name of ['endpoints/one', 'sysctls.json', 'agent.lock'])
    writeFileSync(join(stateDir, name), '');
  return { stateDir, socket: join(folder, 'run', 'agent.sock') };
}

test('uninstall removes the state and its folder, and nothing the second time', async (context) => {
  const at = place(context);
  assert.equal(await removeFiles(at, assert.fail), 3);
  assert.ok(!existsSync(at.stateDir));
  assert.equal(await removeFiles(at, assert.fail), 0);
});

test('uninstall removes half-written files, unless they are folders', async (context) => {
  const at = place(context);
  writeFileSync(join(at.stateDir, 'sysctls.json.tmp'), '{');
  writeFileSync(join(at.stateDir, 'released-addresses.tmp'), '');
  assert.equal(await removeFiles(at, assert.fail), 5);
  assert.ok(!existsSync(at.stateDir));
  mkdirSync(join(at.stateDir, 'sysctls.json.tmp'), { recursive: true });
  assert.equal(await removeFiles(at, assert.fail), 0);
  assert.deepEqual(readdirSync(at.stateDir), ['sysctls.json.tmp']);
});

test('uninstall removes a link whose target is missing, and counts it', async (context) => {
  const at = place(context);
  rmSync(join(at.stateDir, 'sysctls.json'));
  symlinkSync('missing', join(at.stateDir, 'sysctls.json'));
  assert.equal(await removeFiles(at, assert.fail), 3);
  assert.ok(!existsSync(at.stateDir));
});

test('uninstall leaves a folder with foreign files', async (context) => {
  const at = place(context);
  writeFileSync(join(at.stateDir, 'notes'), '');
  assert.equal(await removeFiles(at, assert.fail), 3);
  assert.deepEqual(readdirSync(at.stateDir), ['notes']);
});

test('uninstall reports each file that cannot be removed', async (context) => {
  const at = place(context);
  const texts: string[] = [];
  const refusal = refuseChanges(at.stateDir);
  const removed = await removeFiles(at, (text) => void texts.push(text));
  refusal[Symbol.dispose]();
  assert.equal(removed, 0);
  const left = ['endpoints', 'sysctls.json', 'agent.lock'].map((name) => join(at.stateDir, name));
  assert.deepEqual(
    texts.map((text) => text.replace(/EACCES: .*/, 'EACCES')),
    left.map((file) => `${file} could not be removed: EACCES`),
  );
});

test('uninstall reports a state folder that is a file', async (context) => {
  const at = place(context);
  rmSync(at.stateDir, { recursive: true });
  writeFileSync(at.stateDir, '');
  const texts: string[] = [];
  assert.equal(await removeFiles(at, (text) => void texts.push(text)), 0);
  const folder = `${at.stateDir} could not be removed: ENOTDIR: not a directory, scandir '${at.stateDir}'`;
  assert.equal(texts.at(-1), folder);
});

test('uninstall removes both sockets that the agent left, and their folder', async (context) => {
  const at = place(context);
  mkdirSync(dirname(at.socket));
  for (const path of [at.socket, `${at.socket}.cni`]) {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(`${path}.made`, resolve));
    renameSync(`${path}.made`, path);
    await new Promise((resolve) => server.close(resolve));
  }
  assert.equal(await removeFiles(at, assert.fail), 5);
  assert.ok(!existsSync(dirname(at.socket)));
});

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AgentLock, lockPins, lockUsedPins, lockUsedState } from './lock.ts';

function stateDirectory(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-lock-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'state');
}

test('a second agent is refused with the pid of the first', (context) => {
  const stateDir = stateDirectory(context);
  using _lock = AgentLock.acquire(stateDir);
  assert.throws(() => AgentLock.acquire(stateDir), {
    name: 'InputError',
    message: `stateDir: ${stateDir} is in use by another heddle agent (pid ${process.pid})`,
  });
  assert.throws(() => lockUsedState(stateDir), {
    name: 'InputError',
    message: `stateDir: ${stateDir} is in use by an agent (pid ${process.pid}): stop it first`,
  });
});

test('a released lock can be taken again', (context) => {
  const stateDir = stateDirectory(context);
  AgentLock.acquire(stateDir)[Symbol.dispose]();
  const held = lockUsedState(stateDir);
  assert.throws(
    () => AgentLock.acquire(stateDir),
    new RegExp(`in use by another heddle agent \\(pid ${process.pid}\\)`),
  );
  held?.[Symbol.dispose]();
  using _lock = AgentLock.acquire(stateDir);
});

test('half-written files of an agent that was killed are removed at the start', (context) => {
  const stateDir = stateDirectory(context);
  AgentLock.acquire(stateDir)[Symbol.dispose]();
  for (const name of ['sysctls.json.tmp', 'released-addresses.tmp', 'notes.tmp']) {
    writeFileSync(join(stateDir, name), '');
  }
  using _lock = AgentLock.acquire(stateDir);
  assert.deepEqual(readdirSync(stateDir).sort(), ['agent.lock', 'notes.tmp']);
});

test('folders that are missing, and what is no lock, are not locked and not made', (context) => {
  const folder = stateDirectory(context);
  assert.equal(lockUsedState(folder), undefined);
  assert.equal(lockUsedPins(folder), undefined);
  assert.ok(!existsSync(folder));
  mkdirSync(join(folder, 'target'), { recursive: true });
  symlinkSync('target', join(folder, 'agent.lock'));
  assert.equal(lockUsedState(folder), undefined);
});

test('the pid of an earlier, dead holder is not reported', async (context) => {
  const stateDir = stateDirectory(context);
  AgentLock.acquire(stateDir)[Symbol.dispose]();
  const file = join(stateDir, 'agent.lock');
  const dead = spawnSync('true').pid;
  const script = `
    exec 9<>"$0"; flock 9; echo ${dead} >"$0"; echo locked
    sleep 0.2; echo $$ >"$0"; exec sleep 10`;
  const child = spawn('sh', ['-c', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  context.after(() => child.kill());
  await once(child.stdout, 'data');
  assert.throws(() => AgentLock.acquire(stateDir), new RegExp(`\\(pid ${child.pid}\\)`));
});

test('a second agent with another state directory is refused the pins of the first', (context) => {
  const pinDir = stateDirectory(context);
  const first = lockPins(pinDir);
  assert.throws(() => lockPins(pinDir), {
    name: 'InputError',
    message: `pinDir: ${pinDir} is in use by another heddle agent, which has a different stateDir`,
  });
  assert.throws(() => lockUsedPins(pinDir), /pinDir: .* is in use by an agent/);
  first[Symbol.dispose]();
  const used = lockUsedPins(pinDir);
  assert.throws(() => lockPins(pinDir), /is in use by another heddle agent/);
  used?.[Symbol.dispose]();
  lockPins(pinDir)[Symbol.dispose]();
});

test('a foreign folder, such as /tmp or the bpf file system itself, is refused and not changed', (context) => {
  const folder = stateDirectory(context);
  mkdirSync(folder);
  writeFileSync(join(folder, "somebody's"), '');
  for (const mode of [0o1777, 0o770]) {
    chmodSync(folder, mode);
    const rule = `is writable by others (mode 0${mode.toString(8)}), and none of the files in it belong to an agent: configure a folder only for the agent`;
    for (const [object, act] of [
      ['stateDir', () => AgentLock.acquire(folder)],
      ['pinDir', () => lockPins(folder)],
    ] as const) {
      assert.throws(act, { name: 'InputError', message: `${object}: ${folder} ${rule}` });
      assert.equal(statSync(folder).mode & 0o7777, mode);
    }
  }
});

test('an agent corrects its own folder, even with foreign files in it', (context) => {
  const folder = stateDirectory(context);
  mkdirSync(join(folder, 'maps'), { recursive: true });
  AgentLock.acquire(folder)[Symbol.dispose]();
  writeFileSync(join(folder, "somebody's"), '');
  chmodSync(folder, 0o1777);
  using lock = AgentLock.acquire(folder);
  assert.match(lock.warning ?? '', /changed to root only \(mode 0700\)$/);
  chmodSync(folder, 0o1777);
  lockPins(folder)[Symbol.dispose]();
  assert.equal(statSync(folder).mode & 0o7777, 0o700);
});

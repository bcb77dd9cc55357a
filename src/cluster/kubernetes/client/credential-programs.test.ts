import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { CredentialPrograms } from './credential-programs.ts';

// No part of a program keeps a process alive.
const running = setInterval(() => undefined, 1_000);
after(() => clearInterval(running));

/** The file into which a script writes process ids. */
function pidFile(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-programs-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return join(folder, 'pids');
}

const shell = (script: string): Parameters<CredentialPrograms['run']>[0] => ({
  ...{ command: 'sh', args: ['-c', script], env: { WORD: 'hello' } },
});

async function pidsIn(file: string, count: number): Promise<readonly string[]> {
  for (;;) {
    const pids = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : [];
    if (pids.length >= count) return pids;
    await wait(10);
  }
}

// An ended process may still be a zombie if its parent has ended too.
function isAlive(pid: string): boolean {
  try {
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function ended(pids: readonly string[]): Promise<void> {
  while (pids.some(isAlive)) await wait(10);
}

test("a program has its own variables in addition to the agent's, and empty input", async () => {
  const { signal } = new AbortController();
  const text = await new CredentialPrograms().run(shell('cat; echo $WORD $PATH'), signal);
  assert.equal(text, `hello ${process.env['PATH']}\n`);
});

test('a program that hangs is killed with its child processes', async (context) => {
  const file = pidFile(context);
  const late = new AbortController();
  const script = `sleep 600 & echo $! >> ${file}; echo $$ >> ${file}; wait`;
  const running = new CredentialPrograms().run(shell(script), late.signal);
  const pids = await pidsIn(file, 2);
  late.abort();
  await assert.rejects(running, { message: 'the credential program sh ended with SIGKILL' });
  await ended(pids);
});

test("a process that left the program's group delays nothing", async (context) => {
  const file = pidFile(context);
  const late = new AbortController();
  const script = `setsid sh -c 'echo $$ >> ${file}; exec sleep 600' & wait`;
  const running = new CredentialPrograms().run(shell(script), late.signal);
  const [pid = ''] = await pidsIn(file, 1);
  late.abort();
  await assert.rejects(running, { message: 'the credential program sh ended with SIGKILL' });
  process.kill(Number(pid), 'SIGKILL');
});

test('if three killed programs do not end, no other starts until one of them does', async (context) => {
  const file = pidFile(context);
  const late = new AbortController();
  const programs = new CredentialPrograms(() => undefined);
  const script = `echo $$ >> ${file}; exec sleep 600`;
  const runs = Promise.allSettled([1, 2, 3].map(() => programs.run(shell(script), late.signal)));
  const pids = await pidsIn(file, 3);
  late.abort();
  const { signal } = new AbortController();
  const refused = {
    message:
      '3 runs of the credential program sh have not ended: another one starts only after one of them ends',
  };
  await assert.rejects(programs.run(shell(script), signal), refused);
  assert.equal((await pidsIn(file, 3)).length, 3);
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
  await runs;
  assert.equal(await programs.run(shell('echo well'), signal), 'well\n');
});

test('a program that hangs neither keeps the agent from ending nor outlives it', async (context) => {
  const file = pidFile(context);
  const module = new URL('./credential-programs.js', import.meta.url).href;
  const call = shell(`echo $$ >> ${file}; exec sleep 600`);
  const script = `const { CredentialPrograms } = await import(${JSON.stringify(module)});
    const { existsSync } = await import('node:fs');
    new CredentialPrograms().run(${JSON.stringify(call)}, new AbortController().signal);
    const look = setInterval(() => existsSync(${JSON.stringify(file)}) && clearInterval(look), 10);`;
  const flags = ['--input-type=module', '-e', script];
  const { status } = spawnSync(process.execPath, flags, { timeout: 20_000, stdio: 'inherit' });
  assert.equal(status, 0);
  await ended(await pidsIn(file, 1));
});

import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AgentLock } from '../agent/process/lock.ts';
import { ownFolder, sharedFolder } from './private-folder.ts';

function place(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-folder-'));
  context.after(() => rmSync(folder, { recursive: true }));
  return folder;
}

const modeOf = (folder: string): number => statSync(folder).mode & 0o7777;

test('a private folder is created, and one that others may write to is corrected', (context) => {
  const folder = join(place(context), 'a', 'state');
  assert.equal(ownFolder('stateDir', folder), undefined);
  assert.equal(modeOf(folder), 0o700);
  chmodSync(folder, 0o755);
  assert.equal(ownFolder('stateDir', folder), undefined, 'reading is no harm');
  for (const mode of [0o777, 0o1777, 0o770, 0o702]) {
    chmodSync(folder, mode);
    assert.equal(
      ownFolder('stateDir', folder),
      `stateDir: ${folder} is writable by others (mode 0${mode.toString(8)}): changed to root only (mode 0700)`,
    );
    assert.equal(modeOf(folder), 0o700);
  }
});

test('a shared folder that others may write to is refused and not changed', (context) => {
  const folder = join(place(context), 'run');
  sharedFolder('socket', folder);
  for (const mode of [0o755, 0o700, 0o1755]) {
    chmodSync(folder, mode);
    sharedFolder('socket', folder);
  }
  chmodSync(folder, 0o777);
  assert.throws(() => sharedFolder('socket', folder), {
    name: 'InputError',
    message: `socket: ${folder} is writable by others (mode 0777): chown root ${folder}; chmod go-w ${folder}`,
  });
  assert.equal(modeOf(folder), 0o777);
});

test('a path that is not a folder is named', (context) => {
  const file = join(place(context), 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'below')]) {
    const message = `stateDir: ${path} is not a folder`;
    assert.throws(() => ownFolder('stateDir', path), { name: 'InputError', message });
  }
});

test('a lock file that is a link or not a file is refused by name', (context) => {
  const stateDir = place(context);
  const lock = join(stateDir, 'agent.lock');
  const elsewhere = join(place(context), 'elsewhere');
  writeFileSync(elsewhere, 'precious');
  symlinkSync(elsewhere, lock);
  assert.throws(() => AgentLock.acquire(stateDir), {
    name: 'InputError',
    message: `stateDir: ${stateDir} has no usable lock file: open ${lock}: ELOOP`,
  });
  assert.equal(statSync(elsewhere).size, 8);
  rmSync(lock);
  mkdirSync(lock);
  assert.throws(() => AgentLock.acquire(stateDir), /no usable lock file: open .*: EISDIR$/);
});

test('a lock whose file was deleted is taken again and excludes other agents', (context) => {
  const stateDir = place(context);
  using lock = AgentLock.acquire(stateDir);
  lock.keep();
  rmSync(stateDir, { recursive: true });
  lock.keep();
  assert.throws(() => AgentLock.acquire(stateDir), new RegExp(`\\(pid ${process.pid}\\)`));
});

import assert from 'node:assert/strict';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { overwriteFile, replaceFile } from './replace-file.ts';

test('links in place of a file, or of its temporary file, are not followed', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-replace-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const [file, victim] = [join(folder, 'file'), join(folder, 'victim')];
  writeFileSync(victim, 'precious');
  for (const link of [symlinkSync, linkSync]) {
    for (const place of [file, `${file}.tmp`]) link(victim, place);
    replaceFile(file, 'ours');
    assert.equal(readFileSync(file, 'utf8'), 'ours');
    assert.ok(lstatSync(file).isFile());
    assert.equal(lstatSync(file).mode & 0o777, 0o600);
    assert.equal(readFileSync(victim, 'utf8'), 'precious');
    rmSync(file);
  }
  mkdirSync(file);
  assert.throws(() => replaceFile(file, 'ours'), { code: 'EISDIR' });
  assert.deepEqual(readdirSync(folder).sort(), ['file', 'victim']);
});

test('a file gets the mode that was asked for, whatever the umask', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-replace-'));
  const umask = process.umask(0o077);
  context.after(() => {
    process.umask(umask);
    rmSync(folder, { recursive: true });
  });
  const [file, temporary] = [join(folder, 'file'), join(folder, '.draft')];
  mkdirSync(`${file}.tmp`);
  replaceFile(file, 'one', { mode: 0o755, sync: true, temporary });
  assert.deepEqual([lstatSync(file).mode & 0o777, readFileSync(file, 'utf8')], [0o755, 'one']);
  assert.deepEqual(readdirSync(folder).sort(), ['file', 'file.tmp']);
});

test('a file is written over in place where the new content covers the old, within a page', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-replace-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file');
  writeFileSync(file, 'short');
  const { ino } = lstatSync(file);
  assert.ok(overwriteFile(file, { before: 'short', text: 'longer' }));
  assert.deepEqual([lstatSync(file).ino, readFileSync(file, 'utf8')], [ino, 'longer']);
  for (const [before, text] of [
    ['longer', 'short'],
    ['', 'longer'],
    ['longer', 'x'.repeat(4097)],
  ] as const) {
    assert.ok(!overwriteFile(file, { before, text }));
  }
  assert.equal(readFileSync(file, 'utf8'), 'longer');
  assert.ok(!overwriteFile(join(folder, 'none'), { before: 'a', text: 'b' }));
});

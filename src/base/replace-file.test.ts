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
import { replaceFile } from './replace-file.ts';

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

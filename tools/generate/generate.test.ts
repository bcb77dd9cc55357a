// The command itself, in a folder that it takes for the repository.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';

const output = 'src/datapath/generated.ts';

function folder(context: TestContext): string {
  const root = mkdtempSync(join(tmpdir(), 'heddle-generate-'));
  context.after(() => rmSync(root, { recursive: true }));
  for (const name of ['bpf', 'bench/programs', 'dist/bpf', 'shim', 'src/datapath']) {
    mkdirSync(join(root, name), { recursive: true });
  }
  copyFileSync('test/bpf/shapes.h', join(root, 'bpf/shared.h'));
  copyFileSync('dist/test/bpf/shapes.bpf.o', join(root, 'dist/bpf/datapath.bpf.o'));
  return root;
}

function generate(root: string, ...options: string[]): { code: number | null; said: string } {
  const command = [resolve('dist/tools/generate.js'), ...options];
  const { status, stderr } = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
  return { code: status, said: stderr.trim() };
}

test('generated files are up to date until the file or the object changes', (context) => {
  const root = folder(context);
  assert.equal(generate(root, '--check').code, 1);
  assert.deepEqual(generate(root), { code: 0, said: '' });
  assert.match(readFileSync(join(root, output), 'utf8'), /export interface ShapeKey/);
  assert.deepEqual(generate(root, '--check'), { code: 0, said: '' });

  for (const file of [output, 'bpf/ids.h', 'shim/ids.h', 'bench/programs/ids.h']) {
    const generated = readFileSync(join(root, file));
    appendFileSync(join(root, file), '// edited by hand\n');
    const stale = generate(root, '--check');
    assert.equal(stale.code, 1);
    const lines = stale.said.split('\n');
    assert.equal(lines.length, 1, stale.said);
    assert.ok(lines[0]?.startsWith(`${file} is stale: `), stale.said);
    assert.match(stale.said, /run `npm run generate` and commit it$/);
    writeFileSync(join(root, file), generated);
  }
});

test('a missing object is one line, not a stack trace', (context) => {
  const root = folder(context);
  rmSync(join(root, 'dist/bpf/datapath.bpf.o'));
  const { code, said } = generate(root);
  assert.equal(code, 1);
  assert.match(
    said,
    /^generate: ENOENT: no such file or directory, open 'dist\/bpf\/datapath\.bpf\.o'$/,
  );
});

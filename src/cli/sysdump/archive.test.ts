import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tarGz } from './archive.ts';

const at = new Date('2026-01-02T03:04:05Z');

test('tar unpacks the archive for any length of content and path', () => {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-archive-'));
  try {
    const files = [
      { path: 'dump/empty', content: '' },
      { path: 'dump/block', content: 'b'.repeat(512) },
      { path: 'dump/words', content: 'Kette und Schuß\n' },
      { path: `dump/${'long-'.repeat(20)}/file.json`, content: '{}' },
    ];
    writeFileSync(join(folder, 'dump.tar.gz'), tarGz(files, at));
    execFileSync('tar', ['-xzf', 'dump.tar.gz'], { cwd: folder });
    for (const { path, content } of files)
      assert.equal(readFileSync(join(folder, path), 'utf8'), content, path);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a path that is too long for a header is refused', () => {
  assert.throws(() => tarGz([{ path: 'x'.repeat(101), content: '' }], at), RangeError);
});

import assert from 'node:assert/strict';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { writeAtomically } from './files.ts';
import { SpareFiles } from './spare-files.ts';

const root = mkdtempSync(path.join(tmpdir(), 'heddle-spare-files-'));
after(() => rmSync(root, { recursive: true }));

interface Place {
  readonly directory: string;
  readonly kept: string;
  readonly spares: SpareFiles;
}

function fresh(): Place {
  const directory = mkdtempSync(path.join(root, 'records-'));
  const kept = `${directory}.spare`;
  return { directory, kept, spares: new SpareFiles(kept) };
}

test('the file of a removed record becomes the next one, with exactly its contents', () => {
  const { directory, spares } = fresh();
  const file = path.join(directory, 'a.json');
  const next = path.join(directory, 'b.json');
  for (const text of ['short', 'a text that is longer than that', 'é']) {
    writeAtomically(file, 'a record of twenty-six bytes', spares);
    const { ino, mode } = statSync(file);
    assert.equal(mode & 0o777, 0o600);
    assert.ok(spares.take(file));
    writeAtomically(next, text, spares);
    assert.equal(statSync(next).ino, ino);
    assert.equal(readFileSync(next, 'utf8'), text);
    assert.deepEqual(readdirSync(directory), ['b.json']);
    rmSync(next);
  }
});

test('at most as many are kept as pods are added together', () => {
  const { directory, kept, spares } = fresh();
  const files = Array.from({ length: 40 }, (_, index) => path.join(directory, `${index}.json`));
  for (const file of files) writeFileSync(file, '');
  assert.equal(files.filter((file) => spares.take(file)).length, 32);
  assert.equal(readdirSync(kept).length, 32);
  assert.equal(readdirSync(directory).length, 8);
});

test('files kept by an earlier process are removed', () => {
  const { directory, kept, spares } = fresh();
  writeFileSync(path.join(directory, 'a.json'), '');
  assert.ok(spares.take(path.join(directory, 'a.json')));
  assert.equal(new SpareFiles(kept).become(path.join(directory, 'b.json'), ''), false);
  assert.ok(!existsSync(kept));
});

test('a file that cannot be kept is not', () => {
  const { directory, kept, spares } = fresh();
  const file = path.join(directory, 'a.json');
  assert.equal(spares.take(file), false);
  assert.equal(spares.become(file, 'text'), false);
  writeFileSync(file, '');
  rmSync(kept, { recursive: true });
  writeFileSync(kept, '');
  assert.equal(spares.take(file), false);
  assert.ok(existsSync(file));
});

const tampering: readonly [string, (spare: string) => void][] = [
  ['was removed', () => undefined],
  ['is a symbolic link now', (spare) => symlinkSync(path.join(root, 'victim'), spare)],
  ['has a folder in its place', (spare) => mkdirSync(spare)],
];

for (const [name, tamper] of tampering) {
  test(`if a spare file ${name}, a new one is created`, () => {
    const { directory, kept, spares } = fresh();
    const file = path.join(directory, 'a.json');
    const victim = path.join(root, 'victim');
    writeFileSync(victim, 'untouched');
    writeFileSync(file, 'old');
    assert.ok(spares.take(file));
    const [spare = ''] = readdirSync(kept);
    rmSync(path.join(kept, spare));
    tamper(path.join(kept, spare));
    writeAtomically(file, 'new', spares);
    assert.equal(readFileSync(file, 'utf8'), 'new');
    assert.ok(lstatSync(file).isFile());
    assert.equal(readFileSync(victim, 'utf8'), 'untouched');
    assert.deepEqual([readdirSync(directory), readdirSync(kept)], [['a.json'], []]);
  });
}

test('a file with a second name, as in a hard-link backup, keeps its contents', () => {
  const { directory, spares } = fresh();
  const file = path.join(directory, 'a.json');
  const backup = path.join(root, 'backup.json');
  writeAtomically(file, 'old');
  linkSync(file, backup);
  assert.ok(spares.take(file));
  writeAtomically(file, 'new', spares);
  assert.equal(readFileSync(file, 'utf8'), 'new');
  assert.equal(readFileSync(backup, 'utf8'), 'old');
});

test('a record has the mode of a new file, whatever the reused file had', () => {
  const { directory, spares } = fresh();
  const file = path.join(directory, 'a.json');
  for (const mode of [0o644, 0o666, 0o4755]) {
    writeAtomically(file, 'old');
    chmodSync(file, mode);
    assert.ok(spares.take(file));
    writeAtomically(file, 'new', spares);
    assert.equal(lstatSync(file).mode & 0o7777, 0o600);
  }
});

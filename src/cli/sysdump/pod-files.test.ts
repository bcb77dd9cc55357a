import assert from 'node:assert/strict';
import { test } from 'node:test';
import { tarGz } from './archive.ts';
import { archiveName, podFiles } from './pod-files.ts';

const good = [
  { path: 'status.json', content: '{}' },
  { path: 'cni/05-heddle.conflist', content: '' },
  { path: 'maps/pod@flows+x.json.missing', content: 'no agent answers' },
];

test('the files of a node are kept as they are', () => {
  assert.deepEqual(podFiles(JSON.stringify(good)), good);
});

const bad: readonly (readonly [string, unknown])[] = [
  ['a path out of the folder', { path: '../../../etc/cron.d/x', content: '' }],
  ['a path through a folder above', { path: 'maps/../../x', content: '' }],
  ['an absolute path', { path: '/etc/cron.d/x', content: '' }],
  ['the folder itself', { path: '.', content: '' }],
  ['an empty path', { path: '', content: '' }],
  ['an empty part', { path: 'maps//x', content: '' }],
  ['a path with a line break', { path: 'a\nb', content: '' }],
  ['a path with a NUL', { path: 'a\0b', content: '' }],
  ['a path with a backslash', { path: '..\\x', content: '' }],
  ['a path longer than tar allows', { path: 'a'.repeat(200), content: '' }],
  ['a folder longer than tar allows', { path: `${'a'.repeat(60)}/x`, content: '' }],
  ['a path that is no text', { path: 7, content: '' }],
  ['a content that is no text', { path: 'x', content: { toString: 1 } }],
  ['a file without content', { path: 'x' }],
  ['a second file of the same path', { path: 'status.json', content: 'another' }],
  ['no file', null],
];

for (const [what, file] of bad) {
  test(`${what} is refused with the reason, and the other files are kept`, () => {
    const files = podFiles(JSON.stringify([...good, file]));
    assert.deepEqual(files.slice(0, -1), good);
    assert.equal(files.at(-1)?.path, 'refused-files.missing');
    assert.match(
      files.at(-1)?.content ?? '',
      /^.*: (is|content is|occurs|has) .*\n$|^a file .*\n$/,
    );
  });
}

test('files without end are counted, and reasons too', () => {
  const many = Array.from({ length: 1_100 }, (_, index) => ({ path: `f${index}`, content: '' }));
  const files = podFiles(JSON.stringify(many));
  assert.equal(files.length, 1_001);
  assert.match(
    files.at(-1)?.content ?? '',
    /^f1000: exceeds the limit of 1000 files\n(.*\n){19}80 more\n$/,
  );
});

test('input that is not a list is an error', () => {
  assert.throws(() => podFiles('{}'), TypeError);
  assert.throws(() => podFiles('x'), SyntaxError);
});

test('any name of a node is a folder, and the longest path in it fits into an archive', () => {
  assert.equal(archiveName('ip-192-0-2-1.example'), 'ip-192-0-2-1.example');
  const names = ['..', '', 'a/b', 'a\nb', `${'n'.repeat(252)}1`, `${'n'.repeat(252)}2`];
  const folders = names.map(archiveName);
  for (const folder of folders) assert.match(folder, /^[\w-]*-[0-9a-f]{16}$/);
  assert.equal(new Set(folders).size, names.length);
  const node = 'n'.repeat(60);
  assert.equal(archiveName(node), node);
  const path = `${'a'.repeat(40)}/${'b'.repeat(49)}`;
  const [file] = podFiles(JSON.stringify([{ path, content: '' }]));
  const top = 'heddle-sysdump-2026-01-02T03-04-05-678Z';
  tarGz([{ path: `${top}/nodes/${node}/${file?.path}`, content: '' }], new Date(0));
});

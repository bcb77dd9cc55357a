import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { linkSync, writeFileSync } from 'node:fs';
import fsPromises, { mkdir, rm, symlink, truncate, unlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import { follow } from '../../../test/support/cluster-source-suite.ts';
import { nodeYaml, temporaryDirectory } from '../../../test/support/manifest-folder.ts';
import { mostBytes } from './bytes.ts';
import { manifestSource } from './source.ts';

const noFiles: readonly (readonly [string, (path: string) => Promise<unknown>, RegExp])[] = [
  ['a FIFO', async (path) => execFileSync('mkfifo', [path]), /odd\.yaml: is not a file$/],
  ['a directory', (path) => mkdir(path), /odd\.yaml: is not a file$/],
  ['a device', (path) => symlink('/dev/zero', path), /odd\.yaml: is not a file$/],
  ['a link to nothing', (path) => symlink('nowhere', path), /odd\.yaml: ENOENT: /],
  ['a link to itself', (path) => symlink('odd.yaml', path), /odd\.yaml: ELOOP: /],
  [
    'a file that is too long',
    (path) => writeFile(path, '').then(() => truncate(path, mostBytes + 1)),
    /odd\.yaml: is longer than 8388608 bytes$/,
  ],
  [
    'a value that contains itself',
    (path) =>
      writeFile(path, '{apiVersion: v1, kind: Node, metadata: {name: a}, spec: &a {podCIDRs: *a}}'),
    /Node a: spec\.podCIDRs: a value that contains itself or is nested too deeply is not a list$/,
  ],
];

for (const [what, make, text] of noFiles) {
  test(`${what} in place of a manifest is reported, and all others are read`, async () => {
    await using directory = await temporaryDirectory();
    await directory.write('a.yaml', nodeYaml('node-1'));
    await make(join(directory.path, 'odd.yaml'));
    await using snapshots = follow(directory.source);
    const { state, complete, problems } = await snapshots.until(({ state: { nodes } }) =>
      nodes.has('node-1'),
    );
    assert.deepEqual([...state.nodes.keys()], ['node-1']);
    assert.equal(complete, false);
    assert.equal(problems.length, 1);
    assert.match(problems[0]?.text ?? '', text);
  });
}

test('a name that is not UTF-8 is reported', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1'));
  const name = Buffer.from([0xff, ...Buffer.from('.yaml')]);
  const path = Buffer.concat([Buffer.from(`${directory.path}/`), name]);
  await writeFile(path, nodeYaml('node-2'));
  await using snapshots = follow(directory.source);
  const { complete, problems } = await snapshots.until(({ state: { nodes } }) => nodes.size > 0);
  // Node.js does not find it when it removes the directory.
  await unlink(path);
  assert.equal(complete, false);
  assert.match(problems[0]?.text ?? '', /\ufffd\.yaml: ENOENT: /);
});

test('a dangling link keeps its last good version until the link is deleted too', async () => {
  await using directory = await temporaryDirectory();
  const link = join(directory.path, 'a.yaml');
  const file = `${directory.path}-linked`;
  await writeFile(file, nodeYaml('node-1'));
  await symlink(file, link);
  const times = { debounceMs: 5, rescanMs: 20, doubtMs: 100 };
  await using snapshots = follow(manifestSource(directory.path, times));
  await snapshots.until(({ complete }) => complete);
  await rm(file);
  const broken = await snapshots.until(({ problems }) => problems.length > 0);
  assert.deepEqual([...broken.state.nodes.keys()], ['node-1']);
  assert.equal(broken.complete, true);
  await rm(link);
  const { state } = await snapshots.until(({ problems }) => problems.length === 0);
  assert.equal(state.nodes.size, 0);
});

test('a directory with too many files keeps its last good contents', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1'));
  await using snapshots = follow(directory.source);
  await snapshots.until(({ complete }) => complete);
  // Links: creating a new file takes twenty times as long.
  const empty = join(directory.path, 'empty.yaml');
  writeFileSync(empty, '');
  for (let index = 0; index < 10_000; index++)
    linkSync(empty, join(directory.path, `${index}.yaml`));
  const { state, problems } = await snapshots.until(({ problems: told }) => told.length > 0);
  assert.deepEqual([...state.nodes.keys()], ['node-1']);
  assert.match(problems[0]?.text ?? '', /demo: has 100\d\d manifests, more than 10000$/);
});

test('a file from the future, as after a clock was set back, is not read again forever', async (context) => {
  await using directory = await temporaryDirectory();
  const back = Date.now() - 172_800_000;
  context.mock.method(Date, 'now', () => back);
  const { mock: reads } = context.mock.method(fsPromises, 'open');
  const { mock: looks } = context.mock.method(fsPromises, 'stat');
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  });
  await directory.write('a.yaml', nodeYaml('node-1'));
  await using snapshots = follow(manifestSource(directory.path, { debounceMs: 5, rescanMs: 20 }));
  await snapshots.until(({ complete }) => complete);
  // Watches as long as a caller waits for the next change.
  snapshots.until(() => false).catch(() => undefined);
  const looksAfter = async (count: number): Promise<void> => {
    const until = looks.callCount() + count;
    while (looks.callCount() < until) await setTimeout(5);
  };
  const began = performance.now();
  let last = -1;
  while (last !== reads.callCount()) {
    last = reads.callCount();
    await looksAfter(5);
    assert.ok(performance.now() - began < 10_000, 'still read at every look');
  }
});

test('hidden files and files other than YAML are not read', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('.hidden.yaml', nodeYaml('node-1'));
  await directory.write('notes.txt', nodeYaml('node-2'));
  await directory.write(
    'nodes.json',
    '{"apiVersion":"v1","kind":"Node","metadata":{"name":"node-3"}}',
  );
  await using snapshots = follow(directory.source);
  const { state } = await snapshots.until(({ complete }) => complete);
  assert.deepEqual([...state.nodes.keys()], ['node-3']);
});

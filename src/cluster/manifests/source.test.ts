import assert from 'node:assert/strict';
import { once } from 'node:events';
import fsPromises, { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { basename } from 'node:path';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import type { Worker } from 'node:worker_threads';
import { clusterSourceSuite, follow } from '../../../test/support/cluster-source-suite.ts';
import { hostileManifests } from '../../../test/support/hostile-manifests.ts';
import { nodeYaml, options, temporaryDirectory } from '../../../test/support/manifest-folder.ts';
import { manifestSource } from './source.ts';

clusterSourceSuite('a directory of manifests', temporaryDirectory);

test('a file that is no longer YAML keeps its last good version and is named', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1'));
  await using snapshots = follow(directory.source);
  await snapshots.until(({ complete }) => complete);
  await directory.write('a.yaml', `${nodeYaml('node-1')}---\n{ kind: [`);
  const broken = await snapshots.until(({ problems }) => problems.length > 0);
  assert.deepEqual([...broken.state.nodes.keys()], ['node-1']);
  assert.equal(broken.complete, true);
  assert.match(broken.problems[0]?.text ?? '', /demo\/a\.yaml, document 2: is not YAML: /);
  assert.equal(
    broken.problems[0]?.consequence,
    'the last good version of this file stays in force',
  );
  await directory.write('a.yaml', nodeYaml('node-2'));
  const mended = await snapshots.until(({ problems }) => problems.length === 0);
  assert.deepEqual([...mended.state.nodes.keys()], ['node-2']);
});

test('an invalid object keeps its last good version while the rest of its file is applied', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1'));
  await using snapshots = follow(directory.source);
  const before = await snapshots.until(({ complete }) => complete);
  await directory.write(
    'a.yaml',
    `${nodeYaml('node-2')}---\n${nodeYaml('node-1', '192.0.2.0/33')}`,
  );
  const after = await snapshots.until(({ problems }) => problems.length > 0);
  assert.equal(after.state.nodes.get('node-1'), before.state.nodes.get('node-1'));
  assert.ok(after.state.nodes.has('node-2'));
  assert.equal(
    after.problems[0]?.text,
    `${directory.path}/a.yaml, document 2: Node node-1: spec.podCIDRs[0]: 192.0.2.0/33 is not a CIDR prefix (address/length)`,
  );
});

test('an object that was never readable leaves the snapshot incomplete, so that nothing is pruned', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1', 'none'));
  await using snapshots = follow(directory.source);
  const first = await snapshots.until(() => true);
  assert.equal(first.complete, false);
  await directory.write('a.yaml', nodeYaml('node-1'));
  await snapshots.until(({ complete }) => complete);
});

test('if two files define an object, the first by name is used and the second is named', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('b.yaml', nodeYaml('node-1', '198.51.100.0/26'));
  await directory.write('a.yaml', nodeYaml('node-1', '192.0.2.0/26'));
  await using snapshots = follow(directory.source);
  const { state, problems } = await snapshots.until(({ complete }) => complete);
  assert.deepEqual(state.nodes.get('node-1')?.podCidrs, ['192.0.2.0/26']);
  assert.deepEqual(
    problems.map(({ text }) => text),
    [
      `${directory.path}/b.yaml, document 1: Node node-1: is already defined in ${directory.path}/a.yaml, document 1`,
    ],
  );
});

test('a directory that does not exist yet is a problem until it appears', async () => {
  await using directory = await temporaryDirectory();
  await rm(directory.path, { recursive: true });
  await using snapshots = follow(manifestSource(directory.path, { debounceMs: 5, rescanMs: 50 }));
  const first = await snapshots.until(() => true);
  assert.equal(first.complete, false);
  assert.match(first.problems[0]?.text ?? '', /^directory .*ENOENT/);
  await mkdir(directory.path);
  await directory.write('a.yaml', nodeYaml('node-1'));
  const found = await snapshots.until(({ complete }) => complete);
  assert.deepEqual(found.problems, []);
});

test('a removed directory leaves its last good contents in force', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1'));
  await using snapshots = follow(manifestSource(directory.path, { debounceMs: 5, rescanMs: 50 }));
  const before = await snapshots.until(({ complete }) => complete);
  await rename(directory.path, `${directory.path}-away`);
  const after = await snapshots.until(({ problems }) => problems.length > 0);
  assert.equal(after.state, before.state);
  assert.equal(after.complete, true);
});

// errno of a stat(2) of the path: ENOTDIR, ELOOP. Node.js's `throwIfNoEntry` covers neither.
const refusals = [
  { code: 'ELOOP', put: (path: string) => symlink(basename(path), path), at: '' },
  { code: 'ENOTDIR', put: (path: string) => writeFile(path, ''), at: '' },
  { code: 'ENOTDIR', put: (path: string) => writeFile(path, ''), at: '/c' },
];

for (const { code, put, at } of refusals) {
  test(`a directory that gives ${code}${at} is a problem until it is back`, async () => {
    await using directory = await temporaryDirectory();
    await directory.write('a.yaml', nodeYaml('node-1'));
    const own = `${directory.path}-own`;
    await mkdir(`${own}${at}`, { recursive: true });
    await rm(`${own}${at}`, { recursive: true });
    await rename(directory.path, `${own}${at}`);
    await using snapshots = follow(manifestSource(`${own}${at}`, { debounceMs: 5, rescanMs: 20 }));
    const before = await snapshots.until(({ complete }) => complete);
    await rename(own, directory.path);
    await put(own);
    const during = await snapshots.until(({ problems }) => problems.length > 0);
    assert.equal(during.state, before.state);
    assert.match(during.problems[0]?.text ?? '', new RegExp(`^directory .*${code}`));
    await rm(own);
    await rename(directory.path, own);
    await snapshots.until(({ problems }) => problems.length === 0);
    await rename(own, directory.path);
  });
}

test('contents written before a reread are known afterwards, however long the quiet time', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1'));
  const slow = manifestSource(directory.path, { debounceMs: 60_000, rescanMs: 60_000 });
  const stop = new AbortController();
  let nodes: readonly string[] = [];
  const following = (async () => {
    for await (const { state } of slow.watch(stop.signal)) nodes = [...state.nodes.keys()];
  })();
  await directory.write('b.yaml', nodeYaml('node-2', '192.0.2.64/26'));
  assert.equal(await slow.reread?.(), true);
  assert.deepEqual(nodes, ['node-1', 'node-2']);
  await directory.write('b.yaml', 'kind: [');
  assert.equal(await slow.reread?.(), false);
  stop.abort();
  await following;
});

const costly = hostileManifests[0]?.text(2 ** 20) ?? '';

test('a file that takes too long keeps its last good version, the others are read, and it is not retried for a while', async (context) => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', nodeYaml('node-1'));
  const times = { debounceMs: 5, rescanMs: 20, deadlineMs: 300 };
  await using snapshots = follow(manifestSource(directory.path, times));
  await snapshots.until(({ complete }) => complete);
  await directory.write('a.yaml', costly);
  const { state, complete, problems } = await snapshots.until(
    ({ problems: told }) => told.length > 0,
  );
  assert.deepEqual([...state.nodes.keys()], ['node-1']);
  assert.equal(complete, true);
  assert.deepEqual(problems, [
    {
      subject: `${directory.path}/a.yaml`,
      text: `${directory.path}/a.yaml: takes longer than 0.3 s to read`,
      consequence: 'the last good version of this file stays in force',
    },
  ]);
  const { mock: reads } = context.mock.method(fsPromises, 'open');
  syncBuiltinESMExports();
  context.after(() => {
    context.mock.restoreAll();
    syncBuiltinESMExports();
  });
  await directory.write('b.yaml', nodeYaml('node-2', '192.0.2.64/26'));
  await snapshots.until(({ state: { nodes } }) => nodes.has('node-2'));
  await setTimeout(500);
  const paths = reads.calls.map(({ arguments: [path] }) => String(path));
  assert.deepEqual(
    paths.filter((path) => path.endsWith('/a.yaml')),
    [],
  );
  await directory.write('a.yaml', nodeYaml('node-3'));
  const mended = await snapshots.until(({ problems: told }) => told.length === 0);
  assert.deepEqual([...mended.state.nodes.keys()], ['node-3', 'node-2']);
});

test('stopping while a slow file is read does not wait for it', async () => {
  await using directory = await temporaryDirectory();
  await directory.write('a.yaml', costly);
  const stop = new AbortController();
  const begins = once(process, 'worker') as Promise<[Worker]>;
  let taken = 0;
  const following = (async () => {
    const patient = { ...options, deadlineMs: 3_600_000 };
    for await (const _ of manifestSource(directory.path, patient).watch(stop.signal)) taken++;
  })();
  const [thread] = await begins;
  let answers = 0;
  thread.on('message', () => answers++);
  const ended = once(thread, 'exit');
  stop.abort();
  await following;
  await ended;
  assert.equal(answers, 0);
  assert.equal(taken, 0);
});

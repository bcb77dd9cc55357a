import assert from 'node:assert/strict';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { follow } from '../../../test/support/cluster-source-suite.ts';
import { manifestSource } from './source.ts';

async function temporaryDirectory(context: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'heddle-manifests-'));
  context.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

const nodeYaml = (name: string, cidr: string): string =>
  `apiVersion: v1\nkind: Node\nmetadata: {name: ${name}}\nspec: {podCIDRs: ['${cidr}']}\n`;

test('a file truncated in place keeps its objects until it has stayed empty for a while', async (context) => {
  const directory = await temporaryDirectory(context);
  await writeFile(join(directory, 'a.yaml'), nodeYaml('node-1', '192.0.2.0/26'));
  await writeFile(join(directory, 'b.yaml'), nodeYaml('node-2', '192.0.2.64/26'));
  const times = { debounceMs: 5, rescanMs: 60_000, doubtMs: 1_000 };
  await using snapshots = follow(manifestSource(directory, times));
  await snapshots.until(({ complete }) => complete);
  const began = performance.now();
  await truncate(join(directory, 'a.yaml'), 0);
  const doubt = await snapshots.until(({ problems }) => problems.length > 0);
  assert.deepEqual([...doubt.state.nodes.keys()].sort(), ['node-1', 'node-2']);
  assert.deepEqual(doubt.problems, [
    {
      subject: `${directory}/a.yaml`,
      text: `${directory}/a.yaml: has no objects, but had 1`,
      consequence: 'nothing is removed until this has lasted 1 s',
    },
  ]);
  const { state, problems } = await snapshots.until(({ state: { nodes } }) => nodes.size === 1);
  assert.ok(performance.now() - began >= 1_000);
  assert.deepEqual([...state.nodes.keys()], ['node-2']);
  assert.deepEqual(problems, []);
});

test('a folder that is empty at the start is not complete until it has stayed so for a while', async (context) => {
  const directory = await temporaryDirectory(context);
  const times = { debounceMs: 5, rescanMs: 60_000, doubtMs: 500 };
  await using snapshots = follow(manifestSource(directory, times));
  const first = await snapshots.until(() => true);
  assert.equal(first.complete, false);
  assert.equal(first.problems[0]?.text, `directory ${directory}: has no objects`);
  const { problems } = await snapshots.until(({ complete }) => complete);
  assert.deepEqual(problems, []);
});

test('a file that is empty at the start removes no routes that an earlier agent left, for a while', async (context) => {
  const directory = await temporaryDirectory(context);
  await writeFile(join(directory, 'a.yaml'), nodeYaml('node-1', '192.0.2.0/26'));
  await writeFile(join(directory, 'b.yaml'), '');
  const times = { debounceMs: 5, rescanMs: 60_000, doubtMs: 500 };
  const options = { ...times, node: 'node-1', heldRanges: () => 1 };
  await using snapshots = follow(manifestSource(directory, options));
  const first = await snapshots.until(() => true);
  assert.deepEqual([...first.state.nodes.keys()], ['node-1']);
  assert.equal(first.complete, false);
  assert.match(
    first.problems[0]?.text ?? '',
    /has 0 pod ranges of other nodes, but this node has routes to 1$/,
  );
  const { problems } = await snapshots.until(({ complete }) => complete);
  assert.deepEqual(problems, []);
});

// Compares the documentation's statements about the code with the code.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { problemKinds } from '../src/api/problem.ts';
import { cniSocketOf, defaultSocket } from '../src/api/socket.ts';
import { heddleProgram } from '../src/cli/program.ts';
import { type ConfigFlag, configFlags } from '../src/config/flags.ts';
import { dropReasonNames } from '../src/datapath/generated.ts';
import { nftDropReasons } from '../src/datapath/nft/drops.ts';
import { bandwidthLimit } from '../src/observe/drop-counts.ts';

const read = (file: string): string => readFileSync(file, 'utf8');

const pages = [
  ...readdirSync('.'),
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
  ...['bpf', 'src/datapath', 'src/model', 'src/pods'].map((folder) => join(folder, 'README.md')),
].filter((file) => file.endsWith('.md'));

test('docs/configuration.md has a row for each key, with its default', () => {
  const row = (flag: ConfigFlag): string =>
    `| \`${flag.key}\` | ${flag.argument.replaceAll('|', ' or ')} | ${flag.default ?? ''} | ${flag.description} |`;
  const table = read('docs/configuration.md')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  assert.deepEqual(table, configFlags().map(row));
});

test('docs/troubleshooting.md explains every drop reason', () => {
  const ofDatapath = Object.values(dropReasonNames).filter((name) => name !== 'none');
  const reasons = [...ofDatapath, bandwidthLimit, ...Object.values(nftDropReasons)];
  const [, section = ''] = read('docs/troubleshooting.md').split('\n## Drop reasons\n');
  const [rows = ''] = section.split('\n## ');
  const explained = [...rows.matchAll(/^\| `([a-z ]+)` \|/gm)];
  assert.deepEqual(explained.map(([, reason]) => reason).sort(), reasons.sort());
});

test('docs/commands.md names every command', async () => {
  const page = read('docs/commands.md');
  const { commands } = await heddleProgram();
  for (const command of commands)
    assert.ok(page.includes(`heddle ${command.name()}`), command.name());
});

test('docs/decisions/dependencies.md has a row for each dependency', () => {
  const { dependencies, devDependencies } = JSON.parse(read('package.json')) as {
    dependencies: Record<string, string>;
    devDependencies: Record<string, string>;
  };
  const rows = [...read('docs/decisions/dependencies.md').matchAll(/^\| ([@a-z./-]+) /gm)];
  assert.deepEqual(
    rows
      .map(([, name]) => name)
      .filter((name) => name !== 'package')
      .sort(),
    [...Object.keys(dependencies), ...Object.keys(devDependencies)].sort(),
  );
});

test('docs/decisions/README.md lists every decision', () => {
  const index = read('docs/decisions/README.md');
  for (const file of readdirSync('docs/decisions').filter((name) => name !== 'README.md'))
    assert.ok(index.includes(`](${file})`), file);
});

test('docs/troubleshooting.md explains every kind of problem', () => {
  const text = read('docs/troubleshooting.md');
  const rows = text.split('\n').filter((line) => line.startsWith('| `'));
  for (const kind of problemKinds) {
    assert.ok(
      rows.some((row) => row.split('|')[1]?.includes(`\`${kind}\``)),
      kind,
    );
  }
});

test("the shim uses the agent's default socket", () => {
  assert.ok(read('shim/ids.h').includes(`#define DEFAULT_SOCKET "${defaultSocket}"`));
  assert.ok(read('shim/ids.h').includes(`#define CNI_SUFFIX "${cniSocketOf('')}"`));
});

for (const page of pages)
  test(`the links of ${page} are valid`, () => {
    const links = [...read(page).matchAll(/\]\(([^)#:]+)(#[^)]*)?\)/g)].map(
      ([, target = '']) => target,
    );
    for (const target of links) assert.ok(existsSync(join(dirname(page), target)), target);
  });

// The import rule of ARCHITECTURE.md is worth what the lint makes of it: each line here is an import that must be
// refused, or one that must pass.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { promisify } from 'node:util';

const biome = 'node_modules/.bin/biome';

/** The messages of the import rule for a file at `path` with this one import. */
async function refusals(path: string, specifier: string): Promise<string> {
  const child = promisify(execFile)(biome, ['lint', `--stdin-file-path=${path}`]);
  child.child.stdin?.end(`import { x } from '${specifier}';\nconsole.log(x);\n`);
  const { stdout, stderr } = await child.catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return (stdout + stderr)
    .split('\n')
    .filter((line) => line.includes('may import'))
    .join('\n');
}

const forbidden: [string, string][] = [
  ['src/base/new.ts', '../net/address.ts'],
  ['src/net/new.ts', '../kernel/errno.ts'],
  ['src/kernel/new.ts', '../cluster/objects.ts'],
  ['src/kernel/netlink/new.ts', '../../agent/api-types.ts'],
  ['src/cluster/new.ts', '../model/desired.ts'],
  ['src/model/new.ts', '../kernel/map.ts'],
  ['src/model/new.ts', '../datapath/generated.ts'],
  ['src/datapath/new.ts', '../agent/config.ts'],
  ['src/reconcile/new.ts', '../net/prefix.ts'],
  ['src/observe/new.ts', '../agent/agent.ts'],
  ['src/cni/new.ts', '../agent/config.ts'],
  ['src/cli/new.ts', '../agent/config.ts'],
  ['src/cli/new.ts', '../kernel/map.ts'],
  ['src/cli/render/new.ts', '../../kernel/map.ts'],
  ['src/lab/new.ts', '../agent/agent.ts'],
  ['src/agent/new.ts', '../cli/client.ts'],
  ['src/base/new.ts', '../../test/support/root-test.ts'],
];

const allowed: [string, string][] = [
  ['src/net/new.ts', '../base/brand.ts'],
  ['src/kernel/netlink/new.ts', '../../net/prefix.ts'],
  ['src/kernel/netlink/new.ts', '../errno.ts'],
  ['src/model/new.ts', '../cluster/objects.ts'],
  ['src/datapath/tables/new.ts', '../../reconcile/table.ts'],
  ['src/agent/new.ts', '../observe/events.ts'],
  ['src/cli/new.ts', '../agent/api-types.ts'],
  ['src/cni/new.ts', '../agent/api-types.ts'],
  ['src/lab/new.ts', '../kernel/netlink/link.ts'],
  ['src/base/new.test.ts', '../kernel/map.ts'],
];

for (const [path, specifier] of forbidden)
  test(`${path} may not import ${specifier}`, async () => {
    assert.match(await refusals(path, specifier), /may import/);
  });

for (const [path, specifier] of allowed)
  test(`${path} may import ${specifier}`, async () => {
    assert.equal(await refusals(path, specifier), '');
  });

test('every folder of src/ has its line in the rule', () => {
  const { overrides } = JSON.parse(readFileSync('biome.json', 'utf8')) as {
    overrides: { includes: string[] }[];
  };
  const ruled = overrides.flatMap(({ includes }) => includes);
  const folders = readdirSync('src', { withFileTypes: true }).filter((entry) =>
    entry.isDirectory(),
  );
  for (const { name } of folders) assert.ok(ruled.includes(`src/${name}/**`), `src/${name}`);
});

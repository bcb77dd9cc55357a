// The import rule of ARCHITECTURE.md is worth what the lint makes of it: each line here is an import that must be
// refused, or one that must pass.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { after, test } from 'node:test';

/** A tree like ours, made of files with one import each; `src/net/7.ts` is judged as any file in src/net. */
const tree = mkdtempSync(join(tmpdir(), 'heddle-import-rule-'));
after(() => rmSync(tree, { recursive: true }));

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

const refused = lint([...forbidden, ...allowed]);

for (const [path, specifier] of forbidden)
  test(`${path} may not import ${specifier}`, () => {
    assert.ok(refused.has(`${path} ${specifier}`));
  });

for (const [path, specifier] of allowed)
  test(`${path} may import ${specifier}`, () => {
    assert.ok(!refused.has(`${path} ${specifier}`));
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

/** One run of the linter over one file a case; returns the cases whose import it refused. */
function lint(cases: readonly [string, string][]): ReadonlySet<string> {
  const files = cases.map(([path, specifier], index) => {
    const file = join(
      dirname(path),
      `${index}-${path.endsWith('.test.ts') ? 'new.test.ts' : 'new.ts'}`,
    );
    mkdirSync(join(tree, dirname(path)), { recursive: true });
    writeFileSync(join(tree, file), `import { x } from '${specifier}';\nconsole.log(x);\n`);
    return file;
  });
  copyFileSync('biome.json', join(tree, 'biome.json'));
  const { stdout, stderr } = spawnSync(
    resolve('node_modules/.bin/biome'),
    [
      'lint',
      '--only=style/noRestrictedImports',
      '--max-diagnostics=none',
      '--vcs-enabled=false',
      '.',
    ],
    { cwd: tree, encoding: 'utf8' },
  );
  const report = stdout + stderr;
  assert.match(report, /Checked \d+ files/);
  return new Set(
    cases.flatMap(([path, specifier], index) =>
      report.includes(`${files[index]}:`) ? [`${path} ${specifier}`] : [],
    ),
  );
}

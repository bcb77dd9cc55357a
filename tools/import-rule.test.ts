// Proves the import rule of ARCHITECTURE.md: imports that are refused and imports that pass, judged by the table that
// `npm run check` uses (modules/import-table.ts), and the forms of import that it sees.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path/posix';
import { test } from 'node:test';
import { forbiddenImports, type ImportRule, tableFaults } from './modules/import-rule.ts';
import { type ImportLine, importTable, unitTestLine } from './modules/import-table.ts';
import { readModule } from './modules/read-module.ts';
import { readSourceModules } from './modules/source-files.ts';

const rule: ImportRule = { table: importTable, unitTests: unitTestLine };

/** Generated, or still to be divided; nothing is to be added. */
const tooLong: ReadonlySet<string> = new Set(['src/datapath/generated.ts']);

const forbidden: [string, string][] = [
  ['src/base/new.ts', '../net/address.ts'],
  ['src/base/new.ts', '../../test/support/root-test.ts'],
  ['src/base/new.ts', '../../package.json'],
  ['src/net/new.ts', '../kernel/errno.ts'],
  ['src/net/new.ts', 'node:fs'],
  ['src/kernel/new.ts', '../cluster/objects.ts'],
  ['src/kernel/new.ts', './bpf/map.ts'],
  ['src/kernel/bpf/new.ts', '../netlink/link.ts'],
  ['src/kernel/netlink/protocol/new.ts', '../link.ts'],
  ['src/kernel/netlink/new.ts', '../../api/status.ts'],
  ['src/cluster/new.ts', '../model/desired.ts'],
  ['src/cluster/new.ts', './kubernetes/reflector.ts'],
  ['src/cluster/new.ts', '@kubernetes/client-node'],
  ['src/model/new.ts', '../kernel/bpf/map.ts'],
  ['src/model/new.ts', './network/underlay.ts'],
  ['src/model/network/new.ts', '../../cluster/manifests/source.ts'],
  ['src/model/new.ts', '../datapath/generated.ts'],
  ['src/model/new.ts', 'node:fs'],
  ['src/reconcile/new.ts', '../net/prefix.ts'],
  ['src/datapath/new.ts', '../config/schema.ts'],
  ['src/datapath/new.ts', './host/routes.ts'],
  ['src/datapath/maps/new.ts', '../host/routes.ts'],
  ['src/datapath/new.ts', 'koffi'],
  ['src/cni/new.ts', '../config/schema.ts'],
  ['src/api/new.ts', '../agent/agent.ts'],
  ['src/pods/new.ts', '../agent/agent.ts'],
  ['src/pods/new.ts', '../observe/flow-log.ts'],
  ['src/pods/interface/new.ts', '../pods.ts'],
  ['src/observe/new.ts', '../agent/agent.ts'],
  ['src/agent/new.ts', '../cli/client/client.ts'],
  ['src/agent/new.ts', 'heddle/dist/src/cli/client/client.js'],
  ['src/agent/new.ts', './views/status.ts'],
  ['src/agent/host/new.ts', '../agent.ts'],
  ['src/agent/node-facts/new.ts', '../agent.ts'],
  ['src/lab/new.ts', '../agent/agent.ts'],
  ['src/lab/new.ts', '../kernel/bpf/map.ts'],
  ['src/cli/new.ts', '../config/schema.ts'],
  ['src/cli/new.ts', '../kernel/bpf/map.ts'],
  ['src/cli/render/new.ts', '../../kernel/bpf/map.ts'],
  ['src/cli/render/new.ts', '../client/client.ts'],
  ['src/cli/lab.ts', '../agent/process/main.ts'],
  ['src/base/new.test.ts', '../../bench/statistics.ts'],
  ['test/support/new.ts', '../kernel/bpf/map.test.ts'],
  ['examples/ebpf/new.ts', '../../src/agent/agent.ts'],
];

const allowed: [string, string][] = [
  ['src/net/new.ts', '../base/brand.ts'],
  ['src/net/new.ts', './prefix.ts'],
  ['src/kernel/netlink/new.ts', '../../net/prefix.ts'],
  ['src/kernel/netlink/new.ts', '../errno.ts'],
  ['src/kernel/new.ts', 'node:fs/promises'],
  ['src/model/new.ts', '../cluster/objects.ts'],
  ['src/model/model.ts', './network/underlay.ts'],
  ['src/datapath/maps/new.ts', '../../reconcile/table.ts'],
  ['src/datapath/maps/new.ts', '../generated.ts'],
  ['src/datapath/tables.ts', './host/routes.ts'],
  ['src/cluster/kubernetes/client/new.ts', '@kubernetes/client-node'],
  ['src/agent/new.ts', '../observe/events.ts'],
  ['src/agent/new.ts', '../kernel/netlink/link.ts'],
  ['src/agent/agent.ts', './views/status.ts'],
  ['src/observe/new.ts', '../api/flows.ts'],
  ['src/lab/new.ts', '../kernel/netlink/link.ts'],
  ['src/cli/new.ts', '../api/status.ts'],
  ['src/cli/lab.ts', '../lab/record.ts'],
  ['src/cli/lab.ts', './client/client.ts'],
  ['src/base/new.test.ts', '../kernel/bpf/map.ts'],
  ['src/base/new.test.ts', '../../test/support/root-test.ts'],
  ['test/lab/new.test.ts', '../support/root-test.ts'],
];

for (const [path, specifier] of forbidden)
  test(`${path} may not import ${specifier}`, () => {
    assert.equal(refusals(path, `import '${specifier}';`).length, 1);
  });

for (const [path, specifier] of allowed)
  test(`${path} may import ${specifier}`, () => {
    assert.deepEqual(refusals(path, `import '${specifier}';`), []);
  });

const forms = [
  `import { Agent } from '../agent/agent.ts';`,
  `import type { Agent } from '../agent/agent.ts';`,
  `import { type Agent } from '../agent/agent.ts';`,
  `import * as agent from '../agent/agent.ts';`,
  `import '../agent/agent.ts';`,
  `export { Agent } from '../agent/agent.ts';`,
  `export type { Agent } from '../agent/agent.ts';`,
  `export * from '../agent/agent.ts';`,
  `const { Agent } = await import('../agent/agent.ts');`,
  'const { Agent } = await import(`../agent/agent.ts`);',
  `let agent: import('../agent/agent.ts').Agent;`,
  `let agent: typeof import('../agent/agent.ts');`,
];

for (const form of forms)
  test(`the rule sees ${form}`, () => {
    const [refusal, ...others] = refusals('src/base/new.ts', `\n${form}`);
    assert.match(refusal ?? '', /^src\/base\/new\.ts:2 imports \.\.\/agent\/agent\.ts /);
    assert.deepEqual(others, []);
  });

test('an import of something other than a literal is refused, except for listed files', () => {
  assert.deepEqual(refusals('src/base/new.ts', 'await import(name);'), [
    'src/base/new.ts:1 imports an expression; only a literal can be checked',
  ]);
  assert.equal(refusals('tools/test/new.ts', 'await import(name);').length, 1);
  assert.deepEqual(refusals('tools/test/batch.ts', 'await import(name);'), []);
});

test('text that looks like an import is not one', () => {
  const text = "// import '../agent/agent.ts';\nconst text = `\nimport '../agent/agent.ts';\n`;";
  assert.deepEqual(refusals('src/base/new.ts', text), []);
});

test('a refusal names the file, the import and the rule', () => {
  assert.deepEqual(refusals('src/model/new.ts', `import '../kernel/errno.ts';`), [
    'src/model/new.ts:1 imports ../kernel/errno.ts (src/kernel/errno.ts): ' +
      'tools/modules/import-table.ts allows model: base net cluster/*',
  ]);
});

for (const specifier of ['../base/brand.ts', '../agent/agent.ts', 'node:fs', 'zod'])
  test(`a new folder may not import ${specifier}`, () => {
    const [refusal = ''] = refusals('src/mesh/new.ts', `import '${specifier}';`);
    assert.match(refusal, /: src\/mesh has no line in tools\/modules\/import-table\.ts, so it may/);
  });

test('a new folder below a listed one may import nothing either, nor may its unit tests', () => {
  assert.equal(refusals('src/net/new/new.ts', `import '../prefix.ts';`).length, 1);
  assert.equal(refusals('src/net/new/new.test.ts', `import 'node:test';`).length, 1);
});

test('no other folder may import a new folder', () => {
  assert.equal(refusals('src/agent/new.ts', `import '../mesh/new.ts';`).length, 1);
});

test('a name with a star is a folder without its subfolders', () => {
  const table: ImportLine[] = [{ of: 'a' }, { of: 'b', may: 'a/*' }, { of: 'a/x' }];
  const inner = readModule('src/b/1.ts', `import '../a/x/1.ts';`);
  const outer = readModule('src/b/2.ts', `import '../a/1.ts';`);
  const modules = [inner, outer, readModule('src/a/1.ts', ''), readModule('src/a/x/1.ts', '')];
  const found = forbiddenImports(modules, { table, unitTests: unitTestLine });
  assert.equal(found.length, 1);
  assert.match(found[0] ?? '', /^src\/b\/1\.ts:1 imports \.\.\/a\/x\/1\.ts /);
  assert.deepEqual(tableFaults(modules, { table, unitTests: unitTestLine }), []);
});

test('src/ has no exception to the direction of imports', () => {
  const folders = importTable.filter(({ of }) => !/^(test|bench|tools|examples)(\/|$)/.test(of));
  assert.deepEqual(
    folders.filter(({ up }) => up !== undefined),
    [],
  );
});

const mostFiles = 25;
const mostLines = 300;

test('folders and files of src/ have a limited size', () => {
  const counts = new Map<string, number>();
  for (const { path } of readSourceModules('.')) {
    if (!path.startsWith('src/') || path.endsWith('.test.ts')) continue;
    counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n').length;
    assert.ok(lines <= mostLines || tooLong.has(path), `${path} has ${lines} lines`);
  }
  for (const [folder, count] of counts) assert.ok(count <= mostFiles, `${folder}: ${count} files`);
});

const faulty: { lines: ImportLine[]; faults: string[] }[] = [
  { lines: [{ of: 'a' }, { of: 'b', may: 'a' }], faults: [] },
  {
    lines: [{ of: 'b', may: 'a' }, { of: 'a' }],
    faults: ['the line of b: a is not above it'],
  },
  { lines: [{ of: 'b', up: 'a' }, { of: 'a' }], faults: [] },
  { lines: [{ of: 'a' }, { of: 'b', up: 'a' }], faults: ['the line of b: a is above it: may'] },
  {
    lines: [
      { of: 'a', packages: 'zod' },
      { of: 'b', may: 'a' },
    ],
    faults: ['the line of a: no import needs zod'],
  },
  {
    lines: [{ of: 'a' }, { of: 'b', may: 'a a/2.ts' }],
    faults: ['the line of b: no import needs a/2.ts'],
  },
  {
    lines: [{ of: 'a' }, { of: 'c' }, { of: 'b', may: 'a' }],
    faults: ['the line of c: there is no such file or folder'],
  },
  {
    lines: [{ of: 'a' }, { of: 'b' }, { of: 'b', may: 'a' }],
    faults: ['the line of b: it has another line'],
  },
  {
    lines: [{ of: 'a' }, { of: 'b', may: 'a', computed: true }],
    faults: ['the line of b: no import needs computed'],
  },
];

for (const { lines, faults } of faulty)
  test(`the table ${JSON.stringify(lines)} has ${faults.length} faults`, () => {
    const modules = [readModule('src/a/1.ts', ''), readModule('src/b/1.ts', `import '../a/1.ts';`)];
    const found = tableFaults(modules, { table: lines, unitTests: unitTestLine });
    assert.deepEqual(
      found,
      faults.map((fault) => `tools/modules/import-table.ts: ${fault}`),
    );
  });

test('the repository follows the rule, and its table has no faults', () => {
  const modules = readSourceModules('.');
  assert.ok(modules.length > 900);
  assert.deepEqual(forbiddenImports(modules, rule), []);
  assert.deepEqual(tableFaults(modules, rule), []);
});

function refusals(path: string, text: string): string[] {
  return forbiddenImports([readModule(path, text)], rule);
}

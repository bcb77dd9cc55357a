// The npm package as users get it: its importable modules, and the files that its program needs.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { readModule } from '../../tools/modules/read-module.ts';

interface Packed {
  readonly filename: string;
  readonly files: readonly { readonly path: string }[];
}

const program = 'dist/src/cli/main.js';
const folder = mkdtempSync(join(tmpdir(), 'heddle-package-'));
after(() => rmSync(folder, { recursive: true }));

const packed = pack();
const files = new Set(packed.files.map(({ path }) => path));
// Installed: `node_modules/heddle` of a package that depends on it, its own dependencies beside it.
const dependent = join(folder, 'dependent');
mkdirSync(join(dependent, 'node_modules'), { recursive: true });
execFileSync('tar', ['-xf', join(folder, packed.filename), '-C', folder]);
symlinkSync(join(folder, 'package'), join(dependent, 'node_modules/heddle'));
symlinkSync(resolve('node_modules'), join(folder, 'package/node_modules'));

const hidden = [
  'heddle',
  'heddle/dist/src/kernel/bpf/object.js',
  'heddle/dist/src/kernel/object',
  'heddle/dist/src/agent/agent.js',
  `heddle/${program}`,
  'heddle/src/kernel/bpf/object.ts',
  'heddle/docs/node.md',
];
const outcomes = loadInDependent([...hidden, 'heddle/package.json']);

for (const path of hidden)
  test(`${path} cannot be imported from another package`, () => {
    const code = 'ERR_PACKAGE_PATH_NOT_EXPORTED';
    assert.deepEqual(outcomes.get(path), { imported: code, required: code });
  });

test('heddle/package.json can be read from another package', () => {
  assert.equal(outcomes.get('heddle/package.json')?.required, 'loaded');
});

test('the packed program runs', () => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8')) as { version: string };
  const printed = execFileSync('node', [join(folder, 'package', program), 'version'], {
    encoding: 'utf8',
  });
  assert.ok(printed.includes(version), printed);
});

test('every module that the program reaches is packed', () => {
  const reached = new Set<string>();
  follow(program, reached);
  assert.ok(reached.size > 300, `${reached.size} modules`);
  const missing = [...reached].filter((path) => !files.has(path));
  assert.deepEqual(missing, []);
});

test('files that the program reads besides its modules are packed', () => {
  const read = [
    'dist/bpf/datapath.bpf.o',
    'dist/shim/heddle-cni',
    'dist/src/agent/server/metrics-thread.js',
    'dist/src/agent/services/service-health-thread.js',
    'dist/src/lab/programs/echo.js',
    'dist/src/lab/programs/prober.js',
    'examples/demo/web.yaml',
    'LICENSE',
    'README.md',
  ];
  assert.deepEqual(
    read.filter((path) => !files.has(path)),
    [],
  );
});

test('tests, sources, type declarations and source maps are not packed', () => {
  const allowed =
    /^(dist\/src\/.*\.js|dist\/bpf\/datapath\.bpf\.o|dist\/shim\/heddle-cni|docs\/.*\.md|examples\/demo\/.*\.yaml|package\.json|README\.md|LICENSE)$/;
  const others = [...files].filter((path) => !allowed.test(path) || path.includes('.test.'));
  assert.deepEqual(others, []);
});

function pack(): Packed {
  const output = execFileSync('npm', ['pack', '--json', '--pack-destination', folder], {
    encoding: 'utf8',
  });
  const [first] = JSON.parse(output) as readonly Packed[];
  assert.ok(first !== undefined);
  return first;
}

/** By path: `loaded`, or the code of the error. */
function loadInDependent(
  paths: readonly string[],
): ReadonlyMap<string, { readonly imported: string; readonly required: string }> {
  const script = `
    const required = (path) => { try { require(path); return 'loaded'; } catch ({ code }) { return code; } };
    const imported = (path) => import(path).then(() => 'loaded', ({ code }) => code);
    const load = async (path) => [path, { imported: await imported(path), required: required(path) }];
    Promise.all(${JSON.stringify(paths)}.map(load)).then((found) => console.log(JSON.stringify(found)));`;
  const output = execFileSync('node', ['-e', script], { cwd: dependent, encoding: 'utf8' });
  return new Map(JSON.parse(output));
}

function follow(path: string, reached: Set<string>): void {
  if (reached.has(path)) return;
  reached.add(path);
  for (const { specifier } of readModule(path, readFileSync(path, 'utf8')).imports)
    if (specifier?.startsWith('.') === true) follow(join(path, '..', specifier), reached);
}

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { importCycles } from './modules/import-cycles.ts';
import { readModule } from './modules/read-module.ts';
import { readSourceModules } from './modules/source-files.ts';

const circle = ['src/a.ts imports itself in a circle: src/a.ts -> src/b.ts -> src/a.ts'];

const cases: { name: string; files: Record<string, string>; cycles: string[] }[] = [
  { name: 'no circle', files: { a: `import './b.ts';`, b: '' }, cycles: [] },
  {
    name: 'two ways to one module',
    files: { a: `import './b.ts';\nimport './c.ts';`, b: `import './c.ts';`, c: '' },
    cycles: [],
  },
  {
    name: 'values',
    files: { a: `import { b } from './b.ts';`, b: `import { a } from './a.ts';` },
    cycles: circle,
  },
  {
    name: 'types',
    files: { a: `import type { B } from './b.ts';`, b: `import type { A } from './a.ts';` },
    cycles: circle,
  },
  {
    name: 'a value and an import() type',
    files: { a: `import { b } from './b.ts';`, b: `export type B = import('./a.ts').A;` },
    cycles: circle,
  },
  {
    name: 'a value and a dynamic import',
    files: { a: `import { b } from './b.ts';`, b: `const { a } = await import('./a.ts');` },
    cycles: circle,
  },
  {
    name: 'a module that exports what it is',
    files: { a: `export { b } from './a.ts';` },
    cycles: ['src/a.ts imports itself in a circle: src/a.ts -> src/a.ts'],
  },
  {
    name: 'three modules, met from outside',
    files: {
      a: `import './b.ts';`,
      b: `import './c.ts';`,
      c: `import './d.ts';`,
      d: `import './b.ts';\nimport './e.ts';`,
      e: '',
    },
    cycles: ['src/b.ts imports itself in a circle: src/b.ts -> src/c.ts -> src/d.ts -> src/b.ts'],
  },
  {
    name: 'two circles through one module',
    files: {
      a: `import './b.ts';\nimport './c.ts';`,
      b: `import './a.ts';`,
      c: `import './a.ts';`,
    },
    cycles: [...circle, 'src/a.ts imports itself in a circle: src/a.ts -> src/c.ts -> src/a.ts'],
  },
];

for (const { name, files, cycles } of cases)
  test(`circles of imports: ${name}`, () => {
    const modules = Object.entries(files).map(([file, text]) => readModule(`src/${file}.ts`, text));
    assert.deepEqual(importCycles(modules), cycles);
  });

test('the repository has no import cycles', () => {
  assert.deepEqual(importCycles(readSourceModules('.')), []);
});

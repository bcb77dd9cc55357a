import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readModule } from './modules/read-module.ts';
import { readSourceModules } from './modules/source-files.ts';
import { repeatedNames } from './modules/unique-names.ts';

const twice = ['2 modules export Route: src/a.ts, src/b.ts'];

const cases: { a: string; b: string; repeated: string[] }[] = [
  { a: 'export class Route {}', b: 'export interface Route { x: 1 }', repeated: twice },
  { a: 'export type Route = 1;', b: 'export const Route = 1;', repeated: twice },
  { a: 'export function Route() {}', b: 'export enum Route { a }', repeated: twice },
  {
    a: 'export async function* Route() {}',
    b: 'class A {}\nexport { A as Route };',
    repeated: twice,
  },
  { a: 'export const { Route } = x;', b: 'export const [y, Route] = x;', repeated: twice },
  { a: 'export class Route {}', b: `export { Route } from './a.ts';`, repeated: twice },
  { a: 'export class Route {}', b: 'class Route {}', repeated: [] },
  { a: 'export class Route {}', b: `import { Route } from './a.ts';`, repeated: [] },
  { a: 'export type Route = 1;\nexport const Route = 1;', b: '', repeated: [] },
  {
    a: 'export function Route(x: 1): 1;\nexport function Route(x: 2): 2;',
    b: '',
    repeated: [],
  },
];

for (const { a, b, repeated } of cases)
  test(`${JSON.stringify(a)} and ${JSON.stringify(b)} repeat ${repeated.length} names`, () => {
    const modules = [readModule('src/a.ts', a), readModule('src/b.ts', b)];
    assert.deepEqual(repeatedNames(modules), repeated);
  });

test('no two modules of the repository export the same name', () => {
  assert.deepEqual(repeatedNames(readSourceModules('.')), []);
});

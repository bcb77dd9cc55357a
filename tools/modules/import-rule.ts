// Compares the imports of modules with the table of the import rule (import-table.ts). Pure.

import { dirname, join } from 'node:path/posix';
import type { ImportLine } from './import-table.ts';
import type { ModuleImport, SourceModule } from './read-module.ts';

export interface ImportRule {
  readonly table: readonly ImportLine[];
  /** In addition to its folder's line, for every file whose name ends with `.test.ts`. */
  readonly unitTests: ImportLine;
}

const tableFile = 'tools/modules/import-table.ts';

/** One sentence per import that the rule does not allow: the file, the import, the line of the rule. */
export function forbiddenImports(modules: readonly SourceModule[], rule: ImportRule): string[] {
  return modules.flatMap((module) =>
    module.imports.flatMap((imported) => {
      const refusal = refusalOf(module.path, imported, rule);
      return refusal === undefined ? [] : [`${module.path}:${imported.line} ${refusal}`];
    }),
  );
}

/** One sentence per line, name or package of the table that is out of order, unknown or unused. */
export function tableFaults(modules: readonly SourceModule[], { table }: ImportRule): string[] {
  return table.flatMap((line, index) => {
    const above = (name: string): boolean => standsAbove(name, { table, index });
    const own = modules.filter(({ path }) => linesOf(path, [line]).length > 0);
    const targets = new Set(own.flatMap(importedPaths));
    const unused = [...words(line.may), ...words(line.up), ...words(line.packages)].filter(
      (word) => ![...targets].some((target) => target === word || covers(pathOf(word), target)),
    );
    return [
      ...(table.findIndex(({ of }) => of === line.of) < index ? ['it has another line'] : []),
      ...(own.length === 0 ? ['there is no such file or folder'] : []),
      ...words(line.may).flatMap((name) => (above(name) ? [] : [`${name} is not above it`])),
      ...words(line.up).flatMap((name) => (above(name) ? [`${name} is above it: may`] : [])),
      ...unused.map((word) => `no import needs ${word}`),
      ...(line.computed && own.every(isLiteral) ? ['no import needs computed'] : []),
    ].map((fault) => `${tableFile}: the line of ${line.of}: ${fault}`);
  });
}

function refusalOf(
  path: string,
  { specifier }: ModuleImport,
  rule: ImportRule,
): string | undefined {
  const lines = linesOf(path, rule.table);
  if (specifier === undefined)
    return lines.some(({ of, computed }) => pathOf(of) === path && computed)
      ? undefined
      : 'imports an expression; only a literal can be checked';
  const folder = dirname(path);
  const target = targetOf(path, specifier);
  if (isRelative(specifier) && dirname(target) === folder) return undefined;
  const what = isRelative(specifier) ? `imports ${specifier} (${target})` : `imports ${specifier}`;
  if (!lines.some(({ of }) => pathOf(of) === folder))
    return `${what}: ${folder} has no line in ${tableFile}, so it may import nothing`;
  if (path.endsWith('.test.ts')) lines.push(rule.unitTests);
  if (lines.some((line) => allows(line, { specifier, target }))) return undefined;
  return `${what}: ${tableFile} allows ${lines.map(describe).join('; ')}`;
}

interface Target {
  readonly specifier: string;
  readonly target: string;
}

function allows(line: ImportLine, { specifier, target }: Target): boolean {
  if (!isRelative(specifier)) return words(line.packages).includes(target);
  return [...words(line.may), ...words(line.up)].some((name) => covers(pathOf(name), target));
}

function describe(line: ImportLine): string {
  const names = [...words(line.may), ...words(line.up), ...words(line.packages)];
  return `${line.of}: ${names.join(' ') || 'nothing'}`;
}

/** The lines of the file's folder and of the file itself, if they exist. */
function linesOf(path: string, table: readonly ImportLine[]): ImportLine[] {
  return table.filter(({ of }) => pathOf(of) === dirname(path) || pathOf(of) === path);
}

function isLiteral({ imports }: SourceModule): boolean {
  return imports.every(({ specifier }) => specifier !== undefined);
}

function importedPaths({ path, imports }: SourceModule): string[] {
  return imports.flatMap(({ specifier }) =>
    specifier === undefined ? [] : targetOf(path, specifier),
  );
}

/** The path of a file, or the name of a package: `node` for the modules of Node.js. */
function targetOf(path: string, specifier: string): string {
  if (isRelative(specifier)) return join(dirname(path), specifier);
  if (specifier.startsWith('node:')) return 'node';
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.') || specifier.startsWith('/');
}

/** Whether everything that `name` covers has its line above the one at `index`, apart from that line itself. */
function standsAbove(
  name: string,
  { table, index }: { readonly table: readonly ImportLine[]; readonly index: number },
): boolean {
  const path = pathOf(name);
  const isOne = path.endsWith('.ts') || path.endsWith('/*');
  const places = table.flatMap(({ of }, place) => {
    const folder = pathOf(of);
    const isCovered = isOne ? folder === dirname(path) : covers(path, folder);
    return isCovered && place !== index && !of.endsWith('.ts') ? place : [];
  });
  return places.length > 0 && places.every((place) => place < index);
}

/** Whether `path` is the file, or is in the folder, that `covering` names: `a/*` is that folder without those below it. */
function covers(covering: string, path: string): boolean {
  if (covering.endsWith('/*')) return dirname(path) === dirname(covering);
  return path === covering || path.startsWith(`${covering}/`);
}

function pathOf(name: string): string {
  return /^(src|test|bench|tools|examples)(\/|$)/.test(name) ? name : `src/${name}`;
}

function words(text: string | undefined): readonly string[] {
  return text?.split(' ') ?? [];
}

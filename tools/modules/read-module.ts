// The imports and exports of a TypeScript file according to the parser, including types, dynamic imports and
// `import('...').T`.

import { parseSync, Visitor } from 'oxc-parser';

export interface ModuleImport {
  /** As written; undefined for a dynamic import of something other than a literal. */
  readonly specifier: string | undefined;
  readonly line: number;
}

export interface SourceModule {
  /** From the root of the repository: `src/net/port.ts`. */
  readonly path: string;
  readonly imports: readonly ModuleImport[];
  /** Each name once, also where a type and a value share it. */
  readonly exportedNames: ReadonlySet<string>;
}

/** Throws Error for text that is not TypeScript. */
export function readModule(path: string, text: string): SourceModule {
  const parsed = parseSync(path, text);
  const [error] = parsed.errors;
  if (error !== undefined) throw new Error(`${path}: ${error.message}`);
  const { staticImports, staticExports, dynamicImports } = parsed.module;
  const entries = staticExports.flatMap((statement) => statement.entries);
  const requests = [
    ...staticImports.map((statement) => statement.moduleRequest),
    ...entries.flatMap(({ moduleRequest }) => moduleRequest ?? []),
    ...dynamicImports.map(({ moduleRequest: { start, end } }) => ({
      start,
      value: literal(text.slice(start, end)),
    })),
    // The walk takes longer than the parsing, and few files have such a type.
    ...(/\bimport\s*\(/.test(text) ? typeImports(parsed.program) : []),
  ];
  return {
    path,
    imports: requests.map(({ value, start }) => ({ specifier: value, line: lineAt(text, start) })),
    exportedNames: new Set(entries.flatMap(({ exportName }) => exportName.name ?? [])),
  };
}

interface ModuleRequest {
  readonly start: number;
  readonly value: string;
}

function typeImports(program: ReturnType<typeof parseSync>['program']): readonly ModuleRequest[] {
  const found: ModuleRequest[] = [];
  new Visitor({
    TSImportType: ({ source }) => {
      found.push({ start: source.start, value: source.value });
    },
  }).visit(program);
  return found;
}

function literal(expression: string): string | undefined {
  return /^(['"`])([^'"`$\\]*)\1$/.exec(expression)?.[2];
}

function lineAt(text: string, offset: number): number {
  return text.slice(0, offset).split('\n').length;
}

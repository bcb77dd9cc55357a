// `npm run generate`: writes src/datapath/generated.ts from the compiled data path object, and the headers of constants
// that C shares with TypeScript.
// `npm run generate -- --check`: exit code 1 and one sentence for each committed file that is not what its source says.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeObject } from './generate/description.ts';
import { withIncludes } from './generate/header.ts';
import { headers } from './generate/headers.ts';
import { renderModule } from './generate/render.ts';

const paths = {
  object: 'dist/bpf/datapath.bpf.o',
  header: 'bpf/shared.h',
  output: 'src/datapath/generated.ts',
} as const;

function main(options: readonly string[]): number {
  const check = options.includes('--check');
  const object = options.find((option) => !option.startsWith('--')) ?? paths.object;
  const header = withIncludes(readFileSync(paths.header, 'utf8'), (name) =>
    readFileSync(join(dirname(paths.header), name), 'utf8'),
  );
  const description = describeObject(readFileSync(object), header);
  const module = {
    path: paths.output,
    text: renderModule(description, paths.header),
    source: `${paths.header} and the maps of ${object}`,
  };
  const files = [module, ...headers];
  if (!check) {
    for (const { path, text } of files) writeFileSync(path, text);
    return 0;
  }
  const stale = files.filter(({ path, text }) => readIfThere(path) !== text);
  for (const { path, source } of stale) {
    console.error(
      `${path} is stale: it does not match ${source}; run \`npm run generate\` and commit it`,
    );
  }
  return stale.length === 0 ? 0 : 1;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

try {
  process.exitCode = main(process.argv.slice(2));
} catch (error) {
  console.error(`generate: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}

// `npm run generate`: writes src/datapath/generated.ts from the compiled data path object. `npm run generate --
// --check`: exit code 1 and one sentence if the committed file differs from the object.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describeObject } from './generate/description.ts';
import { withIncludes } from './generate/header.ts';
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
  const text = renderModule(description, paths.header);
  if (!check) {
    writeFileSync(paths.output, text);
    return 0;
  }
  if (readIfThere(paths.output) === text) return 0;
  console.error(
    `${paths.output} is stale: it does not match ${paths.header} and the maps of ${object}; run \`npm run generate\` and commit it`,
  );
  return 1;
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

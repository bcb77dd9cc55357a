// `heddle version`: what to write into a bug report.

import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import { Command } from 'commander';

export function versionCommand(): Command {
  return new Command('version')
    .description('the versions of heddle, Node.js and the kernel')
    .option('-o, --output <format>', 'how to print: text or json', 'text')
    .action(({ output }: { readonly output: string }) => {
      const versions = { heddle: packageVersion(), node: process.version, kernel: release() };
      console.log(
        output === 'json'
          ? JSON.stringify(versions, undefined, 2)
          : `heddle ${versions.heddle}, Node.js ${versions.node}, Linux ${versions.kernel}`,
      );
    });
}

/** From package.json, which stands three folders above this file's compiled twin: dist/src/cli/version.js. */
export function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

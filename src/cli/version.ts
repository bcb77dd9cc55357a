// `heddle version`: the versions that a bug report needs.

import { release } from 'node:os';
import { Command } from 'commander';
import { packageVersion } from '../base/version.ts';

export function versionCommand(): Command {
  return new Command('version')
    .description('show the versions of heddle, Node.js and the kernel')
    .option('-o, --output <format>', 'output format: text or json', 'text')
    .action(({ output }: { readonly output: string }) => {
      const versions = { heddle: packageVersion(), node: process.version, kernel: release() };
      console.log(
        output === 'json'
          ? JSON.stringify(versions, undefined, 2)
          : `heddle ${versions.heddle}, Node.js ${versions.node}, Linux ${versions.kernel}`,
      );
    });
}

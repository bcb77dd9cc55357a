// `heddle install-cni`

import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { installCni } from '../cni/install.ts';
import { CommandError } from './command-error.ts';

interface InstallFlags {
  readonly binDir: string;
  readonly confDir: string;
  readonly socket?: string;
}

export function installCniCommand(): Command {
  return new Command('install-cni')
    .description(
      'put the CNI executable and its network configuration where container runtimes look',
    )
    .option('--bin-dir <folder>', 'of CNI executables', '/opt/cni/bin')
    .option('--conf-dir <folder>', 'of CNI network configurations', '/etc/cni/net.d')
    .option('--socket <path>', "the agent's socket, where it is not the default one")
    .action(install);
}

function install({ binDir, confDir, socket }: InstallFlags): void {
  // dist/src/cli/install-cni.js -> dist/shim/heddle-cni
  const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));
  if (statSync(shim, { throwIfNoEntry: false }) === undefined)
    throw new CommandError(`${shim} is not built: run \`npm run build\``);
  const report = installCni({
    shim,
    binDirectory: binDir,
    configurationDirectory: confDir,
    agentSocket: socket,
  });
  for (const file of report.written) console.log(`written    ${file}`);
  for (const file of report.unchanged) console.log(`unchanged  ${file}`);
  for (const file of report.before)
    console.log(`note: ${file} sorts before ours: runtimes use the first, so ours is not in force`);
}

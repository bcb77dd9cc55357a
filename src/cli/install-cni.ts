// `heddle install-cni`

import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { defaultSocket } from '../api/socket.ts';
import { fileStatus } from '../base/file-status.ts';
import { printable } from '../base/printable.ts';
import { CommandError } from './client/command-error.ts';
import { type CniPlaceFlags, commandWithCniPlaces, configOfNode } from './cni-places.ts';

interface InstallFlags extends CniPlaceFlags {
  readonly socket?: string;
  readonly executableOnly?: boolean;
}

export function installCniCommand(): Command {
  return commandWithCniPlaces('install-cni')
    .description('install the CNI executable and its network configuration for container runtimes')
    .option('--socket <path>', "the agent's socket, if it is not the default")
    .option(
      '--executable-only',
      'leave the network configuration to the agent, which writes it to cni.confDir once it can serve pods',
    )
    .action(install);
}

async function install({ socket, executableOnly, ...flags }: InstallFlags): Promise<void> {
  // dist/src/cli/install-cni.js -> dist/shim/heddle-cni
  const shim = fileURLToPath(new URL('../../shim/heddle-cni', import.meta.url));
  if (fileStatus(shim) === undefined)
    throw new CommandError(`${shim} is not built: run \`npm run build\``);
  const { cni, socket: configured } = configOfNode(flags, { socket });
  const { installCni } = await import('../cni/install.ts');
  const report = installCni({
    shim,
    binDirectory: cni.binDir,
    configurationDirectory: cni.confDir,
    agentSocket: configured === defaultSocket ? socket : configured,
    executableOnly,
  });
  for (const file of report.written) console.log(`written    ${file}`);
  for (const file of report.unchanged) console.log(`unchanged  ${file}`);
  for (const file of report.before)
    console.log(
      `note: ${printable(file)} sorts before heddle's configuration: runtimes use the first one, so heddle's has no effect`,
    );
  for (const file of report.unloadable)
    console.log(
      `note: ${printable(file)} sorts before heddle's configuration and cannot be loaded: containerd stops there`,
    );
}

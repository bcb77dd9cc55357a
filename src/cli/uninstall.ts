// `heddle uninstall`

import { Command, Option } from 'commander';
import { loadConfig } from '../agent/config.ts';
import { configFlags } from '../agent/config-flags.ts';
import { uninstall } from '../agent/uninstall.ts';
import { KernelError } from '../kernel/errno.ts';
import { CommandError } from './command-error.ts';

interface UninstallFlags {
  readonly config?: string;
  readonly stateDir?: string;
  readonly pinDir?: string;
  readonly socket?: string;
  readonly binDir: string;
  readonly confDir: string;
}

export function uninstallCommand(): Command {
  const command = new Command('uninstall')
    .description(
      'remove everything heddle ever put on this node: pods lose their network, nothing else does',
    )
    .option('-c, --config <file>', "the agent's configuration, where it has one");
  for (const key of ['stateDir', 'pinDir', 'socket']) {
    const flag = configFlags().find((candidate) => candidate.key === key);
    if (flag === undefined) continue;
    const text = `${flag.description} (default: ${flag.default})`;
    command.addOption(new Option(`--${flag.name} <${flag.argument}>`, text));
  }
  return command
    .option('--bin-dir <folder>', 'of CNI executables', '/opt/cni/bin')
    .option('--conf-dir <folder>', 'of CNI network configurations', '/etc/cni/net.d')
    .action(run);
}

async function run({ config: file, binDir, confDir, ...places }: UninstallFlags): Promise<void> {
  // The required keys do not matter here.
  const named = file === undefined ? { node: 'any', 'cluster-directory': '/' } : {};
  const flags = {
    ...named,
    ...(places.stateDir === undefined ? {} : { 'state-dir': places.stateDir }),
    ...(places.pinDir === undefined ? {} : { 'pin-dir': places.pinDir }),
    ...(places.socket === undefined ? {} : { socket: places.socket }),
  };
  const { stateDir, pinDir, socket } = loadConfig({ file, flags });
  const cni = { binDirectory: binDir, configurationDirectory: confDir };
  try {
    const removed = await uninstall({ stateDir, pinDir, socket, cni });
    if (removed.length === 0) console.log('nothing of heddle is on this node');
    for (const { what, count } of removed) console.log(`${String(count).padStart(6)}  ${what}`);
  } catch (error) {
    if (error instanceof KernelError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

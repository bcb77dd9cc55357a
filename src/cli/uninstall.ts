// `heddle uninstall`

import { type Command, Option } from 'commander';
import { configFlags } from '../config/flags.ts';
import { KernelError } from '../kernel/errno.ts';
import { CommandError } from './client/command-error.ts';
import { type CniPlaceFlags, commandWithCniPlaces, configOfNode } from './cni-places.ts';

interface UninstallFlags extends CniPlaceFlags {
  readonly stateDir?: string;
  readonly pinDir?: string;
  readonly socket?: string;
}

export function uninstallCommand(): Command {
  const command = commandWithCniPlaces('uninstall').description(
    'remove everything heddle has installed on this node: pods lose their network',
  );
  for (const key of ['stateDir', 'pinDir', 'socket']) {
    const flag = configFlags().find((candidate) => candidate.key === key);
    if (flag === undefined) continue;
    const text = `${flag.description} (default: ${flag.default})`;
    command.addOption(new Option(`--${flag.name} <${flag.argument}>`, text));
  }
  return command.action(run);
}

async function run(flags: UninstallFlags): Promise<void> {
  const { stateDir, pinDir, socket, cni } = configOfNode(flags, {
    'state-dir': flags.stateDir,
    'pin-dir': flags.pinDir,
    socket: flags.socket,
  });
  const { uninstall } = await import('../agent/uninstall/uninstall.ts');
  const places = { binDirectory: cni.binDir, configurationDirectory: cni.confDir };
  try {
    const { removed, left, others } = await uninstall({ stateDir, pinDir, socket, cni: places });
    const texts = [...others, ...(left.length === 0 ? [] : [leftText(left, pinDir)])];
    if (removed.length === 0 && texts.length === 0)
      console.log('heddle has left nothing on this node');
    for (const { what, count } of removed) console.log(`${String(count).padStart(6)}  ${what}`);
    if (texts.length > 0) throw new CommandError(texts.join('\n'));
  } catch (error) {
    if (error instanceof KernelError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

function leftText(left: readonly string[], pinDir: string): string {
  return [
    `programs of heddle are still attached here and not pinned in ${pinDir}:`,
    ...left,
    'run this again with the --config or --pin-dir of the agent that attached them',
  ].join('\n');
}

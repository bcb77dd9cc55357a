// `heddle agent`

import { Command, Option } from 'commander';
import { configFlags } from '../config/flags.ts';
import { loadConfig } from '../config/load.ts';
import { KernelError } from '../kernel/errno.ts';
import { CommandError } from './client/command-error.ts';

export function agentCommand(): Command {
  const command = new Command('agent')
    .description("run this node's agent in the current network namespace")
    .addOption(
      new Option('-c, --config <file>', 'YAML file; each of its keys is also a flag below'),
    );
  for (const { name, argument, description, default: preset } of configFlags()) {
    const text = preset === undefined ? description : `${description} (default: ${preset})`;
    command.addOption(new Option(`--${name} <${argument}>`, text));
  }
  return command.action((_, { options }: Command) => run(command, options));
}

async function run(command: Command, options: readonly Option[]): Promise<void> {
  const flags: Record<string, string> = {};
  for (const option of options) {
    const value: unknown = command.getOptionValue(option.attributeName());
    const name = option.long?.slice(2) ?? '';
    if (typeof value === 'string' && name !== 'config') flags[name] = value;
  }
  const config = loadConfig({
    file: command.getOptionValue('config') as string | undefined,
    flags,
  });
  // Imported here because it loads the whole agent, which `heddle --help` and completion do not need.
  const { runAgent } = await import('../agent/process/main.ts');
  const stop = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => stop.abort());
  }
  try {
    await runAgent(config, stop.signal);
  } catch (error) {
    if (error instanceof KernelError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

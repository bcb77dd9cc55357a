// `heddle clean-kube-proxy`

import { Command, Option } from 'commander';
import type { KubeProxyCleaning } from '../api/kube-proxy.ts';
import { defaultSocket } from '../api/socket.ts';
import { printable, printableJson } from '../base/printable.ts';
import { KernelError } from '../kernel/errno.ts';
import { AgentClient } from './client/client.ts';
import { CommandError } from './client/command-error.ts';
import { renderCleaning } from './render/cleaning.ts';

interface CleaningFlags {
  readonly output: 'text' | 'json';
  readonly socket?: string;
  readonly dryRun?: true;
  readonly force?: true;
}

export function cleanKubeProxyCommand(): Command {
  return new Command('clean-kube-proxy')
    .description('remove the rules that kube-proxy has left on this node')
    .addOption(
      new Option('-o, --output <format>', 'output format')
        .choices(['text', 'json'])
        .default('text'),
    )
    .option('--dry-run', 'show what would be removed, and remove nothing')
    .option('--force', 'also while kube-proxy runs, or while Heddle does not translate Services')
    .option('--socket <path>', `the agent's socket (default: HEDDLE_SOCKET, or ${defaultSocket})`)
    .action(run);
}

async function run({ output, socket, dryRun, force }: CleaningFlags): Promise<void> {
  const isDryRun = dryRun === true;
  const { cleanKubeProxy } = await import('../agent/kube-proxy/clean.ts');
  if (!isDryRun && force !== true) await refuseIfNeeded(socket);
  try {
    print(await cleanKubeProxy(isDryRun), output);
  } catch (error) {
    if (error instanceof KernelError) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

async function refuseIfNeeded(socket: string | undefined): Promise<void> {
  const { runningKubeProxy } = await import('../agent/kube-proxy/running.ts');
  const running = await runningKubeProxy();
  if (running !== undefined)
    throw new CommandError(
      `kube-proxy runs on this node (${running}) and would write its rules again: remove it first, or use --force`,
    );
  const given = socket ?? process.env['HEDDLE_SOCKET'];
  const client = new AgentClient(given === undefined || given === '' ? defaultSocket : given);
  const remedy = 'set services.mode to on first, or use --force';
  let translator: string;
  try {
    translator = (await client.status()).cluster.servicesBy;
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    const text = `whether Heddle translates Services on this node is unknown (${error.message})`;
    throw new CommandError(`${text}: start the agent first, or use --force`, { cause: error });
  }
  if (translator !== 'heddle')
    throw new CommandError(
      `Heddle does not translate Services on this node, and nothing would without kube-proxy's rules: ${remedy}`,
    );
}

function print(cleaning: KubeProxyCleaning, output: CleaningFlags['output']): void {
  if (output === 'json') console.log(printableJson(JSON.stringify(cleaning, undefined, 2)));
  else for (const line of renderCleaning(cleaning)) console.log(printable(line));
  if (cleaning.left.length > 0) process.exitCode = 1;
}

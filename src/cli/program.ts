// The whole command line as one tree: what main.ts runs and what `heddle completion` walks.

import { Command } from 'commander';
import { printable } from '../base/printable.ts';

/** In the order of `heddle --help`. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  status: async () => (await import('./status.ts')).statusCommand(),
  endpoints: async () => (await import('./endpoints.ts')).endpointsCommand(),
  nodes: async () => (await import('./nodes.ts')).nodesCommand(),
  flows: async () => (await import('./flows.ts')).flowsCommand(),
  maps: async () => (await import('./maps.ts')).mapsCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  sysdump: async () => (await import('./sysdump.ts')).sysdumpCommand(),
  agent: async () => (await import('./agent.ts')).agentCommand(),
  'install-cni': async () => (await import('./install-cni.ts')).installCniCommand(),
  uninstall: async () => (await import('./uninstall.ts')).uninstallCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(),
  version: async () => (await import('./version.ts')).versionCommand(),
};

/** @param word the first word typed: where it is a command, only that one is read from disk, which halves the start. */
export async function heddleProgram(word?: string): Promise<Command> {
  const program = new Command('heddle')
    .description('An eBPF container network for Linux and Kubernetes')
    .enablePositionalOptions()
    .configureOutput({
      outputError: (text, write) => write(`${lines(text.replace(/^error: /, 'heddle: '))}\n`),
    });
  for (const load of loadersFor(word)) program.addCommand(await load());
  inheritSettings(program);
  return program;
}

// A word that was typed comes back in it, and may have come from anywhere.
function lines(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => printable(line))
    .join('\n');
}

function loadersFor(word: string | undefined): readonly (() => Promise<Command>)[] {
  // The completion script is about all of them.
  const one = word === undefined || word === 'completion' ? undefined : commands[word];
  return one === undefined ? Object.values(commands) : [one];
}

/** Commands made apart from their parent do not speak like it by themselves. */
function inheritSettings(parent: Command): void {
  for (const child of parent.commands) {
    child.copyInheritedSettings(parent);
    inheritSettings(child);
  }
}

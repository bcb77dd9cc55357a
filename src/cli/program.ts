// The whole command line as one tree. main.ts runs it, and `heddle completion` walks it.

import { Command } from 'commander';
import { printable } from '../base/printable.ts';

/** In the order of `heddle --help`. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  status: async () => (await import('./status.ts')).statusCommand(),
  endpoints: async () => (await import('./endpoints.ts')).endpointsCommand(),
  nodes: async () => (await import('./nodes.ts')).nodesCommand(),
  services: async () => (await import('./services.ts')).servicesCommand(),
  flows: async () => (await import('./flows.ts')).flowsCommand(),
  maps: async () => (await import('./maps.ts')).mapsCommand(),
  lab: async () => (await import('./lab.ts')).labCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  sysdump: async () => (await import('./sysdump.ts')).sysdumpCommand(),
  agent: async () => (await import('./agent.ts')).agentCommand(),
  'install-cni': async () => (await import('./install-cni.ts')).installCniCommand(),
  uninstall: async () => (await import('./uninstall.ts')).uninstallCommand(),
  'clean-kube-proxy': async () => (await import('./clean-kube-proxy.ts')).cleanKubeProxyCommand(),
  completion: async () => (await import('./completion.ts')).completionCommand(),
  version: async () => (await import('./version.ts')).versionCommand(),
};

/**
 * @param word first word on the command line. If it is a command, only that command is loaded, which halves the
 * start-up time.
 */
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

// The error may quote a word of the command line, which may contain anything.
function lines(text: string): string {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => printable(line))
    .join('\n');
}

function loadersFor(word: string | undefined): readonly (() => Promise<Command>)[] {
  // The completion script covers all commands.
  const one = word === undefined || word === 'completion' ? undefined : commands[word];
  return one === undefined ? Object.values(commands) : [one];
}

/** Copies settings to subcommands: commander does not do it for commands that were created separately. */
function inheritSettings(parent: Command): void {
  for (const child of parent.commands) {
    child.copyInheritedSettings(parent);
    inheritSettings(child);
  }
}

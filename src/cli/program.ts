// The whole command line, as one tree of commands: what main.ts runs and what `heddle completion` walks.

import { Command } from 'commander';
import { completionCommand } from './completion.ts';
import { endpointsCommand } from './endpoints.ts';
import { flowsCommand } from './flows.ts';
import { mapsCommand } from './maps.ts';
import { nodesCommand } from './nodes.ts';
import { statusCommand } from './status.ts';
import { versionCommand } from './version.ts';

export function heddleProgram(): Command {
  const program = new Command('heddle')
    .description('An eBPF container network for Linux and Kubernetes')
    .configureOutput({
      outputError: (text, write) => write(text.replace(/^error: /, 'heddle: ')),
    })
    .addCommand(statusCommand())
    .addCommand(endpointsCommand())
    .addCommand(nodesCommand())
    .addCommand(flowsCommand())
    .addCommand(mapsCommand())
    .addCommand(completionCommand())
    .addCommand(versionCommand());
  inheritSettings(program);
  return program;
}

/** Commands made apart from their parent do not speak like it by themselves. */
function inheritSettings(parent: Command): void {
  for (const child of parent.commands) {
    child.copyInheritedSettings(parent);
    inheritSettings(child);
  }
}

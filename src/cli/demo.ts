// `heddle demo`, which `npm start` runs.

import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import type { LabMode } from '../lab/record.ts';
import { topologyOptions } from './lab.ts';

/** Three apps with two pods each. */
const demoManifests = fileURLToPath(new URL('../../../examples/demo', import.meta.url));

interface DemoFlags {
  readonly mode: LabMode;
  readonly nodes: number;
  readonly name: string;
  readonly once?: true;
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .description('a small pod network with every pod asking every other; stays up until Ctrl-C')
    .argument('[manifests]', 'FILE or DIR to run instead of the demo of three apps', demoManifests)
    .option('--name <name>', 'the lab: several can be up under different names', 'demo')
    .option('--once', 'end after the matrix; exit code 1 when a pod could not be reached');
  return topologyOptions(command).action(async (source: string, flags: DemoFlags) => {
    const { name, mode, nodes, once } = flags;
    const { demo } = await import('../lab/demo.ts');
    process.exitCode = await demo({ name, mode, nodes, source, once: once === true });
  });
}

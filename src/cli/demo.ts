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
    .description('run a small pod network in which every pod connects to every other, until Ctrl-C')
    .argument(
      '[manifests]',
      'FILE or DIR to run instead of the demo with three apps',
      demoManifests,
    )
    .option('--name <name>', 'name of the lab: several can run under different names', 'demo')
    .option('--once', 'stop after the matrix; exit code 1 if a pod was not reached');
  return topologyOptions(command).action(async (source: string, flags: DemoFlags) => {
    const { name, mode, nodes, once } = flags;
    const { demo } = await import('../lab/demo.ts');
    process.exitCode = await demo({ name, mode, nodes, source, once: once === true });
  });
}

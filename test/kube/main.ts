// `npm run kube -- ...`: a real Kubernetes cluster on this machine, for people. Tests use cluster/cluster.ts directly.

import { Command } from 'commander';
import { buildPrograms } from './cluster/programs.ts';
import { printedProgress } from './cluster/progress.ts';

const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => interrupted.abort(new Error('interrupted')));

const program = new Command('kube')
  .description(
    'A real Kubernetes on this machine: nodes are network namespaces with a kubelet each.',
  )
  .enablePositionalOptions();

program
  .command('build')
  .description('build the programs of Kubernetes and keep them outside the tree; prints where')
  .action(async () => {
    const { folder } = await buildPrograms(printedProgress(), interrupted.signal);
    console.log(folder);
  });

try {
  await program.parseAsync();
} catch (error) {
  console.error(`kube: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}

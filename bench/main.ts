// `npm run bench -- NAME [--json FILE] [--check] [--quick] [--only GROUP]`: runs one experiment, prints its table, holds it to its bars.

import { writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { Command, Option } from 'commander';
import { agentExperiment } from './agent.ts';
import { cniExperiment } from './cni.ts';
import { type BarVerdict, type Experiment, type Figure, judgeBars } from './experiment.ts';
import { kubeExperiment, kubeParts } from './kube.ts';
import { networkExperiment } from './network.ts';
import { renderFigures, renderVerdicts } from './report.ts';
import { programsExperiment } from './test-runs.ts';

const experiments: readonly Experiment[] = [
  networkExperiment,
  programsExperiment,
  cniExperiment,
  agentExperiment,
  kubeExperiment,
  ...kubeParts,
];

interface Flags {
  readonly json?: string;
  readonly check?: boolean;
  readonly quick?: boolean;
  readonly only?: string;
}

async function run(name: string, flags: Flags): Promise<number> {
  const experiment = experiments.find((candidate) => candidate.name === name);
  if (experiment === undefined) {
    process.stderr.write(`bench: no experiment ${name}; there are:\n${list()}\n`);
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const figures = await experiment.run({
    quick: flags.quick === true,
    only: flags.only,
    signal: stop.signal,
    progress: (text) => process.stderr.write(`${text}\n`),
  });
  const verdicts = judgeBars(experiment, figures, flags.only);
  process.stdout.write(`${machine()}\n${renderFigures(figures)}\n\n${renderVerdicts(verdicts)}\n`);
  if (flags.json !== undefined) save(flags.json, experiment, figures, verdicts);
  return flags.check === true && verdicts.some(({ met }) => !met) ? 1 : 0;
}

function save(
  file: string,
  experiment: Experiment,
  figures: readonly Figure[],
  verdicts: readonly BarVerdict[],
): void {
  const report = { experiment: experiment.name, machine: machine(), figures, verdicts };
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
}

function machine(): string {
  return `Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}`;
}

function list(): string {
  return experiments.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n');
}

const program = new Command('bench')
  .description('Measures Heddle against its peers, interleaved in one run, as ratios.')
  .argument('<experiment>', 'which one')
  .option('--json <file>', 'write every sample to this file')
  .option('--check', 'exit 1 when a bar is missed')
  .option('--only <group>', 'only groups of figures whose name contains this (network, cni)')
  .addOption(new Option('--quick', 'fewer, shorter rounds: to see that it works, not to quote'))
  .addHelpText('after', `\nexperiments:\n${list()}`)
  .action(async (name: string, flags: Flags) => {
    process.exitCode = await run(name, flags);
  });

await program.parseAsync();

// `npm run bench -- NAME [--json FILE] [--plot FILE] [--write] [--check] [--quick] [--only GROUP] [--sizes LIST]`: runs one
// experiment, prints its table and compares it with its bars. --write updates the experiment's section of
// docs/benchmarks.md, and its plot beside it.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import { agentExperiment } from './agent.ts';
import { cniExperiment } from './cni.ts';
import { type BarVerdict, type Experiment, type Figure, judgeBars } from './experiment.ts';
import { kubeExperiment, kubeParts } from './kube.ts';
import { networkExperiment } from './network.ts';
import { renderFigures, renderVerdicts } from './report.ts';
import { withSection } from './results-page.ts';
import { servicesExperiment } from './services.ts';
import { programsExperiment } from './test-runs.ts';

const experiments: readonly Experiment[] = [
  networkExperiment,
  programsExperiment,
  servicesExperiment,
  cniExperiment,
  agentExperiment,
  kubeExperiment,
  ...kubeParts,
];

/** Relative to the project's folder, where scripts/bench runs this. */
const resultsPage = 'docs/benchmarks.md';
const plotOf = (name: string): string => `benchmarks-${name}.svg`;

interface Flags {
  readonly json?: string;
  readonly write?: boolean;
  readonly check?: boolean;
  readonly quick?: boolean;
  readonly only?: string;
  readonly sizes?: readonly number[];
  readonly plot?: string;
}

async function run(name: string, flags: Flags): Promise<number> {
  const experiment = experiments.find((candidate) => candidate.name === name);
  if (experiment === undefined) {
    process.stderr.write(`bench: no experiment ${name}. Experiments:\n${list()}\n`);
    return 2;
  }
  const isPart = flags.quick === true || flags.only !== undefined || flags.sizes !== undefined;
  if (flags.write === true && isPart) {
    process.stderr.write(
      'bench: --write needs a complete run, without --quick, --only and --sizes\n',
    );
    return 2;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const figures = await experiment.run({
    quick: flags.quick === true,
    only: flags.only,
    sizes: flags.sizes,
    signal: stop.signal,
    progress: (text) => process.stderr.write(`${text}\n`),
  });
  const verdicts = judgeBars(experiment, figures, flags.only).filter(
    ({ measured }) => flags.sizes === undefined || measured !== undefined,
  );
  process.stdout.write(`${machine()}\n${renderFigures(figures)}\n\n${renderVerdicts(verdicts)}\n`);
  if (flags.json !== undefined) save(flags.json, experiment, figures, verdicts);
  if (flags.plot !== undefined) writeFileSync(flags.plot, experiment.plot?.(figures) ?? '');
  if (flags.write === true) writeSection(experiment, figures, verdicts);
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

function writeSection(
  { name, summary, plot }: Experiment,
  figures: readonly Figure[],
  verdicts: readonly BarVerdict[],
): void {
  if (plot !== undefined) writeFileSync(`docs/${plotOf(name)}`, plot(figures));
  const date = new Date().toISOString().slice(0, 10);
  const commit = execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' });
  const run = { experiment: name, summary, date, commit: commit.trim(), machine: machine() };
  const image = plot === undefined ? {} : { plot: plotOf(name) };
  const page = readFileSync(resultsPage, 'utf8');
  writeFileSync(resultsPage, withSection(page, { ...run, ...image, figures, verdicts }));
}

function parseSizes(text: string): readonly number[] {
  const sizes = text.split(',').map(Number);
  if (sizes.every((size) => Number.isInteger(size) && size >= 1 && size <= 60_000)) return sizes;
  throw new InvalidArgumentError('is not a list of whole numbers from 1 to 60000: 1,100,1000');
}

function machine(): string {
  return `Linux ${release()}, ${cpus().length} x ${cpus()[0]?.model ?? 'unknown processor'}, Node ${process.version}`;
}

function list(): string {
  return experiments.map(({ name, summary }) => `  ${name.padEnd(16)} ${summary}`).join('\n');
}

const program = new Command('bench')
  .description('Measures Heddle against its peers, interleaved in one run, as ratios.')
  .argument('<experiment>', 'name of the experiment')
  .option('--json <file>', 'write all samples to this file')
  .option('--write', "update the experiment's section of docs/benchmarks.md")
  .option('--check', 'exit 1 if a bar is missed')
  .option('--only <group>', 'only groups of figures whose name contains this (network, cni)')
  .option('--sizes <list>', 'only these sizes (services: numbers of Services, 1,100)', parseSizes)
  .option('--plot <file>', 'write the plot, if the experiment has one, to this file')
  .addOption(
    new Option('--quick', 'fewer and shorter rounds: to check that it works, not for results'),
  )
  .addHelpText('after', `\nexperiments:\n${list()}`)
  .action(async (name: string, flags: Flags) => {
    process.exitCode = await run(name, flags);
  });

await program.parseAsync();

// `npm run test:conformance [-- OPTIONS]`: Kubernetes' own end-to-end tests on a cluster that has Heddle and no
// kube-proxy, once per routing mode. The last line is the totals.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command, InvalidArgumentError, Option } from 'commander';
import { errorText } from '../../../src/base/errors.ts';
import { totalsLine } from '../../../tools/test/progress.ts';
import { KubeCluster } from '../cluster/cluster.ts';
import { buildPrograms, suitePrograms } from '../cluster/programs.ts';
import { printedProgress, timed } from '../cluster/progress.ts';
import { afterwards, remainsBefore } from './afterwards.ts';
import { buildSuiteImages, loadSuiteImages } from './images.ts';
import type { Spec } from './junit.ts';
import { countSpecs, specLines, summaryLine } from './report.ts';
import { outputFile, runSuite, type SuiteOptions } from './suite.ts';

const allModes = ['native', 'vxlan'] as const;
type RoutingMode = (typeof allModes)[number];

interface Flags extends SuiteOptions {
  readonly mode?: RoutingMode;
}

const results = fileURLToPath(new URL('../../../../dist/conformance', import.meta.url));
const interrupted = new AbortController();
const progress = printedProgress();

function program(): Command {
  return new Command('npm run test:conformance --')
    .description("Kubernetes' own end-to-end tests on Heddle without kube-proxy")
    .option(
      '--focus <regexp>',
      'run specs whose full text matches',
      String.raw`\[sig-network\].*\[Conformance\]`,
    )
    .option('--skip <regexp>', 'but not those', String.raw`\[(Slow|Disruptive|Serial)\]`)
    .addOption(
      new Option('--mode <mode>', 'only this routing mode (default: one after the other)').choices(
        allModes,
      ),
    )
    .option('--processes <count>', 'specs that run at once', atLeastOne, 6)
    .option('--timeout-minutes <count>', 'end of the suite in one mode', atLeastOne, 30)
    .action(runModes);
}

async function runModes({ mode, ...options }: Flags): Promise<void> {
  const modes = mode === undefined ? allModes : ([mode] as const);
  const { signal } = interrupted;
  const programs = await buildPrograms(progress, signal, suitePrograms);
  await using cluster = await KubeCluster.up({
    name: `conformance-${process.pid}`,
    cni: 'heddle',
    settings: settingsOf(modes[0]),
    progress,
    signal,
  });
  const archives = await buildSuiteImages(programs, progress);
  await timed(progress, 'load the images on the nodes', () => loadSuiteImages(cluster, archives));
  const all: Spec[] = [];
  for (const [index, each] of modes.entries()) {
    if (index > 0) await cluster.installHeddle(settingsOf(each));
    all.push(...(await runMode(cluster, each, options)));
  }
  const totals = countSpecs(all);
  console.log(totalsLine(totals));
  if (totals.failed > 0 || totals.passed === 0) process.exitCode = 1;
}

async function runMode(
  cluster: KubeCluster,
  mode: RoutingMode,
  options: SuiteOptions,
): Promise<readonly Spec[]> {
  const folder = join(results, mode);
  const before = await remainsBefore(cluster);
  const began = performance.now();
  const run = { ...options, folder, signal: interrupted.signal };
  const specs = [
    ...(await timed(progress, `run the suite, ${mode}`, () => runSuite(cluster, run))),
    ...(await timed(progress, `compare the nodes, ${mode}`, () => afterwards(cluster, before))),
  ];
  console.log(summaryLine(mode, specs, (performance.now() - began) / 1000));
  for (const line of specLines(specs)) console.log(line);
  console.log(`      whole output: ${outputFile(folder)}`);
  return specs;
}

function settingsOf(mode: RoutingMode): Readonly<Record<string, unknown>> {
  return { mode, services: { mode: 'on' } };
}

function atLeastOne(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError('is not a whole number of at least 1');
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interrupted.abort(new Error('interrupted')));
try {
  await program().parseAsync();
} catch (error) {
  console.error(`conformance: ${errorText(error)}`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}

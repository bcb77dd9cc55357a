// `npm run kube -- ...`: a real Kubernetes cluster on this machine, for people. Tests use cluster/cluster.ts directly.

import { Command, InvalidArgumentError, Option } from 'commander';
import { parse } from 'yaml';
import { errorText } from '../../src/base/errors.ts';
import { InputError } from '../../src/base/input-error.ts';
import { exitOf, type LabPlace, spawnInPlace } from '../../src/lab/spawn.ts';
import { KubeCluster } from './cluster/cluster.ts';
import type { HeddleSettings } from './cluster/heddle.ts';
import { kubectlEnvironment } from './cluster/kubectl.ts';
import { clusterPaths } from './cluster/paths.ts';
import { buildPrograms, programPath } from './cluster/programs.ts';
import { printedProgress } from './cluster/progress.ts';
import { type ClusterRecord, clusterNames, readClusterRecord } from './cluster/record.ts';
import { type Leftovers, processesOf, removeCluster } from './cluster/remove.ts';

interface UpFlags {
  readonly name: string;
  readonly nodes: number;
  readonly cni: ClusterRecord['cni'];
  readonly kubeProxy?: 'nftables' | 'iptables';
  readonly dns: boolean;
  readonly set: HeddleSettings;
}

interface NameFlag {
  readonly name?: string;
}

const interrupted = new AbortController();
const chooses = 'name of the cluster (needed only if there are several)';

const examples = `
Examples:
  npm run kube -- up
  npm run kube -- kubectl get pods -A -o wide
  npm run kube -- exec node-1 -- ip route
  npm run kube -- down
`;

function program(): Command {
  const kube = new Command('kube')
    .description(
      'a real Kubernetes on this machine: every node is a network namespace with a kubelet',
    )
    .enablePositionalOptions()
    .addHelpText('after', examples);
  for (const command of [build(), up(), down(), status(), kubectl(), exec()])
    kube.addCommand(command);
  return kube;
}

function build(): Command {
  return new Command('build')
    .description(
      'build the programs of Kubernetes (minutes, once) and print their folder outside the tree',
    )
    .action(async () => {
      const { folder } = await buildPrograms(printedProgress(), interrupted.signal);
      console.log(folder);
    });
}

function up(): Command {
  return new Command('up')
    .description('start a cluster')
    .option('--name <name>', 'name of the cluster: several can run under different names', 'kube')
    .option('--nodes <count>', 'number of nodes', wholeNumber, 2)
    .addOption(
      new Option('--cni <choice>', 'creator of the pod network')
        .choices(['heddle', 'bridge', 'none'])
        .default('heddle', 'heddle: this tree; bridge: the reference plugins'),
    )
    .option('--set <key=value>', "a key of Heddle's configuration (repeatable)", setting, {})
    .addOption(
      new Option(
        '--kube-proxy <mode>',
        'run the reference implementation of Services, too',
      ).choices(['nftables', 'iptables']),
    )
    .option('--no-dns', 'without CoreDNS')
    .action(async ({ set, ...flags }: UpFlags) => {
      const { name } = await KubeCluster.up({
        ...flags,
        settings: set,
        owner: 'none',
        progress: printedProgress(),
        signal: interrupted.signal,
      });
      console.log(`cluster ${name} is up`);
      console.log('try:   npm run kube -- kubectl get pods -A -o wide');
      if (flags.cni === 'heddle')
        console.log(
          '       npm run kube -- kubectl exec -n kube-system ds/heddle -- heddle status',
        );
      console.log('       npm run kube -- down');
    });
}

function down(): Command {
  return new Command('down')
    .description('remove a cluster and count what is left: exit code 1 if anything is')
    .option('--name <name>', chooses)
    .option('--all', 'every cluster on this machine')
    .addOption(
      new Option('--owned-by <pid>', 'clusters of this process, silently unless something is left')
        .argParser(wholeNumber)
        .hideHelp(),
    )
    .action(async (flags: NameFlag & { readonly all?: true; readonly ownedBy?: number }) => {
      for (const name of flags.ownedBy === undefined ? named(flags) : ownedBy(flags.ownedBy)) {
        const leftovers = await removeCluster(name);
        const isClean = Object.values(leftovers).every((count) => count === 0);
        if (!isClean) process.exitCode = 1;
        if (isClean && flags.ownedBy !== undefined) continue;
        console.log(`cluster ${name} is down; left: ${countText(leftovers)}`);
        for (const each of processesOf(clusterPaths(name))) console.log(`  ${each}`);
      }
    });
}

function status(): Command {
  return new Command('status')
    .description('show the clusters with their nodes and pods')
    .option('--name <name>', 'only this cluster')
    .addOption(new Option('-o, --output <format>', 'machine-readable').choices(['json']))
    .action(async (flags: NameFlag & { readonly output?: 'json' }) => {
      const names = flags.name === undefined ? clusterNames() : [chosen(flags.name)];
      const records = names.flatMap((name) => readClusterRecord(name) ?? []);
      if (flags.output === 'json') return console.log(JSON.stringify(records, undefined, 2));
      if (records.length === 0) console.log('no cluster is up: npm run kube -- up');
      for (const record of records) console.log(await statusText(record));
    });
}

function kubectl(): Command {
  return new Command('kubectl')
    .description(
      "run kubectl as the cluster's admin; put options of this command before kubectl's words",
    )
    .argument('<words...>')
    .option('--name <name>', chooses)
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (words: readonly string[], flags: NameFlag) => {
      const cluster = KubeCluster.open(chosen(flags.name));
      const command = [programPath({ folder: cluster.record.programs }, 'kubectl'), ...words];
      const { place } = cluster.entry('control-plane');
      await run(place, command, kubectlEnvironment(cluster.paths));
    });
}

function exec(): Command {
  return new Command('exec')
    .description(
      'run a command in a node, in `world` (an outside host), `switch` or `control-plane`',
    )
    .argument('<node>')
    .argument('<command...>', 'command and arguments, after --')
    .option('--name <name>', chooses)
    .passThroughOptions()
    .action(async (node: string, command: readonly string[], flags: NameFlag) => {
      const { place, enter } = KubeCluster.open(chosen(flags.name)).entry(node);
      const words = command[0] === '--' ? command.slice(1) : command;
      await run(place, [...enter, ...words], {});
    });
}

async function run(
  place: LabPlace,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  // Ctrl-C is for the command: it reaches both processes, and this one waits for the command's exit.
  process.exitCode = await exitOf(spawnInPlace(place, command, { stdio: 'inherit', environment }));
}

async function statusText(record: ClusterRecord): Promise<string> {
  const { name, cni, nodes, createdAt } = record;
  const head = `cluster ${name}: ${nodes.length} nodes, CNI ${cni}, up since ${createdAt}`;
  return `${head}\n${await KubeCluster.open(name).api.describe()}`;
}

/** The named cluster, or the only one. */
function chosen(name: string | undefined): string {
  const names = clusterNames();
  if (name !== undefined && names.includes(name)) return name;
  const [only] = names;
  if (name === undefined && only !== undefined && names.length === 1) return only;
  const known = names.length === 0 ? 'no cluster is up' : `clusters: ${names.join(', ')}`;
  const rule = name === undefined ? 'is required to choose a cluster' : 'is not a cluster here';
  throw new InputError({ object: '--name', value: name, rule: `${rule} (${known})` });
}

function named(flags: NameFlag & { readonly all?: true }): readonly string[] {
  return flags.all === true ? clusterNames() : [chosen(flags.name)];
}

function ownedBy(pid: number): readonly string[] {
  return clusterNames().filter((name) => readClusterRecord(name)?.owner?.pid === pid);
}

function countText(leftovers: Leftovers): string {
  return Object.entries(leftovers)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
}

function setting(text: string, previous: HeddleSettings): HeddleSettings {
  const [, key, value] = /^([a-zA-Z]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError('is not KEY=VALUE');
  return { ...previous, [key]: parse(value) as unknown };
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('is not a whole number');
}

for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.on(signal, () => interrupted.abort(new Error('interrupted')));
try {
  await program().parseAsync();
} catch (error) {
  console.error(`kube: ${errorText(error)}`);
  process.exitCode = interrupted.signal.aborted ? 130 : 1;
}

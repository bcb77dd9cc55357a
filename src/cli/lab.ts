// `heddle lab ...`: pod networks made of network namespaces on this machine, from ordinary manifests.

import { Command, InvalidArgumentError, Option } from 'commander';
import { parse } from 'yaml';
import { InputError } from '../base/input-error.ts';
import { findPlace, findPod } from '../lab/find.ts';
import type { LabOptions } from '../lab/lab.ts';
import {
  chooseLab,
  isAlive,
  type LabMode,
  type LabRecord,
  labNames,
  readLabRecord,
} from '../lab/record.ts';
import type { LabPlace } from '../lab/spawn.ts';
import { renderLabs } from '../lab/status.ts';
import { CommandError } from './client/command-error.ts';

interface UpFlags {
  readonly name: string;
  readonly nodes: number;
  readonly mode: LabMode;
  readonly set: Readonly<Record<string, unknown>>;
}

interface OutputFlags {
  readonly name?: string;
  readonly output?: 'json';
}

const examples = `
Examples:
  heddle lab up examples/demo
  heddle lab exec shop/web-1 -- curl -s http://10.201.2.1:8080/
  heddle lab node node-1 -- heddle status
  heddle lab node world -- ping -c 1 10.200.0.11
  heddle lab down
`;

// Creating and removing a lab needs the whole agent. It is imported by the actions that need it, not for `--help`.

/** Creates the `lab` command group. */
export function labCommand(): Command {
  const lab = new Command('lab')
    .description('run pod networks on this machine, with network namespaces as nodes and pods')
    .enablePositionalOptions()
    .addHelpText('after', examples);
  lab.addCommand(upCommand());
  lab.addCommand(downCommand());
  lab.addCommand(statusCommand());
  lab.addCommand(execCommand());
  lab.addCommand(nodeCommand());
  lab.addCommand(superviseCommand(), { hidden: true });
  return lab;
}

/** Adds `--mode` and `--nodes`, which the demo has too. */
export function topologyOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--mode <mode>', 'how packets for pods on other nodes travel')
        .choices(['native', 'vxlan'])
        .default('native'),
    )
    .option('--nodes <count>', 'number of nodes if the manifests have no Node', wholeNumber, 2);
}

function upCommand(): Command {
  const up = new Command('up')
    .description(
      'start a lab from a manifest or a folder of manifests, and keep it in sync with them',
    )
    .argument('<manifests>', 'FILE or DIR with Pods (and optionally Nodes and other objects)');
  return topologyOptions(up)
    .option('--name <name>', 'name of the lab: several can run under different names', 'lab')
    .option(
      '--set <key=value>',
      'another configuration key for every agent (repeatable)',
      setting,
      {},
    )
    .addHelpText(
      'after',
      "\nA pod runs its first container's command with this machine's files. Without one, or with\nthe image heddle-echo, it runs an HTTP and UDP echo server on port 8080.",
    )
    .action(async (source: string, flags: UpFlags) => {
      const { name, nodes, mode, set } = flags;
      const [{ labUp }, { LabStartError }] = await Promise.all([
        import('../lab/life.ts'),
        import('../lab/supervise.ts'),
      ]);
      await labUp({ name, source, nodes, mode, settings: set }).catch((error: unknown) => {
        if (!(error instanceof LabStartError)) throw error;
        throw new CommandError(`lab ${name} did not start: ${error.message}`, { cause: error });
      });
    });
}

function downCommand(): Command {
  return new Command('down')
    .description('stop a lab and remove all of it, even if its supervisor was killed')
    .option('--name <name>', 'name of the lab (needed only if there are several)')
    .option('--all', 'all labs of this machine')
    .action(async (flags: { name?: string; all?: true }) => {
      const { labDown } = await import('../lab/life.ts');
      const names = flags.all ? labNames() : [flags.name ?? onlyLab()];
      for (const name of names) await labDown(name);
    });
}

function statusCommand(): Command {
  return new Command('status')
    .description('show nodes, agents and pods; exit code 1 if something is not running')
    .option('--name <name>', 'only this lab')
    .addOption(new Option('-o, --output <format>', 'machine-readable').choices(['json']))
    .action((flags: OutputFlags) => {
      const labs = recordsOf(flags.name).map((record) => ({
        ...record,
        supervised: isAlive(record.supervisor),
      }));
      if (flags.output === 'json') console.log(JSON.stringify(labs, undefined, 2));
      else console.log(renderLabs(labs));
      const isWell = labs.every(
        (lab) => lab.supervised && lab.pods.every((pod) => pod.state === 'running'),
      );
      if (!isWell) process.exitCode = 1;
    });
}

function execCommand(): Command {
  return new Command('exec')
    .description("run a command in a pod's network namespace and cgroup")
    .argument('<pod>', 'NAMESPACE/NAME, or NAME if it is unique')
    .argument('<command...>', 'command and arguments, after --')
    .option('--name <name>', 'name of the lab (needed only if there are several)')
    .passThroughOptions()
    .action(async (pod: string, command: readonly string[], flags: OutputFlags) => {
      await run(findPod(chooseLab(flags.name), pod), command, {});
    });
}

function nodeCommand(): Command {
  return new Command('node')
    .description(
      "run a command in a node's network namespace; `heddle` there queries that node's agent",
    )
    .argument('<node>', 'a node, `world` (an outside host) or `switch` (the network between nodes)')
    .argument('<command...>', 'command and arguments, after --')
    .option('--name <name>', 'name of the lab (needed only if there are several)')
    .passThroughOptions()
    .action(async (node: string, command: readonly string[], flags: OutputFlags) => {
      const { place, environment } = findPlace(chooseLab(flags.name), node);
      await run(place, command, environment);
    });
}

function superviseCommand(): Command {
  return new Command('supervise')
    .description('the background process of `lab up`')
    .argument('<options>', 'as JSON')
    .action(async (options: string) => {
      const { supervise } = await import('../lab/supervise.ts');
      await supervise(JSON.parse(options) as LabOptions);
    });
}

async function run(
  place: LabPlace,
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<void> {
  const { exitOf, spawnInPlace } = await import('../lab/spawn.ts');
  // Ctrl-C is for the command in the namespace. Both processes receive it, and this one waits for the command to end.
  process.on('SIGINT', () => undefined);
  const words = command[0] === '--' ? command.slice(1) : command;
  process.exitCode = await exitOf(spawnInPlace(place, words, { stdio: 'inherit', environment }));
}

function recordsOf(name: string | undefined): readonly LabRecord[] {
  if (name !== undefined) return [chooseLab(name)];
  return labNames().flatMap((each) => readLabRecord(each) ?? []);
}

function onlyLab(): string {
  const names = labNames();
  const [only] = names;
  if (only !== undefined && names.length === 1) return only;
  const rule = only === undefined ? 'no lab is up' : `is required: one of ${names.join(', ')}`;
  throw new InputError({ object: '--name', rule });
}

function wholeNumber(text: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new InvalidArgumentError('is not a whole number');
}

function setting(
  text: string,
  previous: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const [, key, value] = /^([a-zA-Z.]+)=(.*)$/s.exec(text) ?? [];
  if (key === undefined || value === undefined) throw new InvalidArgumentError('is not KEY=VALUE');
  return withSetting(previous, key.split('.'), parse(value));
}

function withSetting(
  previous: Readonly<Record<string, unknown>>,
  [first = '', ...rest]: readonly string[],
  value: unknown,
): Record<string, unknown> {
  if (rest.length === 0) return { ...previous, [first]: value };
  const below = (previous[first] ?? {}) as Readonly<Record<string, unknown>>;
  return { ...previous, [first]: withSetting(below, rest, value) };
}

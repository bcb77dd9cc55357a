// `heddle flows`

import { type Command, Option } from 'commander';
import type { FlowLine } from '../api/flows.ts';
import { printable, printableJson, printableStrings } from '../base/printable.ts';
import { CommandError } from './client/command-error.ts';
import { chooseTargets, type Targets } from './client/targets.ts';
import { type DataOptions, dataCommand, outputStyle } from './data-command.ts';
import { type FlowFilter, flowMatches } from './flow-filter.ts';
import { type FlowsView, renderFlowHeading, renderFlowLine } from './render/flows.ts';
import { parseCount, parseFlowEnd } from './values.ts';

interface FlowsCommandOptions extends DataOptions, FlowFilter {
  readonly follow?: boolean;
  readonly last?: number;
}

interface NodeFlow {
  readonly node: string;
  readonly line: FlowLine;
}

const endHelp = 'namespace/pod, namespace/, a node or an address; :PORT may follow';

export function flowsCommand(): Command {
  return dataCommand('flows', 'show new, closed and dropped flows, oldest first')
    .option('-f, --follow', 'keep showing new flows until Ctrl-C')
    .option('--last <number>', 'only the newest of the flows kept', parseCount)
    .option('--from <end>', `only flows from this end: ${endHelp}`, parseFlowEnd)
    .option('--to <end>', `only flows to this end: ${endHelp}`, parseFlowEnd)
    .addOption(
      new Option('--verdict <verdict>', 'only flows with this verdict').choices([
        'allowed',
        'closed',
        'dropped',
      ]),
    )
    .action(showFlows);
}

async function showFlows(options: FlowsCommandOptions): Promise<void> {
  const targets = await chooseTargets(options);
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  const view = {
    style: outputStyle(),
    nodeWidth: targets.several
      ? Math.max(...[...targets.clients.keys()].map((name) => name.length))
      : 0,
  };
  const print = printer(options, targets, view);
  if (options.follow === true) await followAll(targets, options, { stop: stop.signal, print });
  else for (const flow of await keptFlows(targets, options, stop.signal)) print(flow);
}

/** Prints the heading immediately, then each flow that passes the filter. */
function printer(
  options: FlowsCommandOptions,
  { several }: Targets,
  view: FlowsView,
): (flow: NodeFlow) => void {
  const asJson = options.output === 'json';
  if (!asJson) console.log(renderFlowHeading(view));
  return ({ node, line }) => {
    if (!flowMatches(line, options)) return;
    const value = several ? { reportedBy: node, ...line } : line;
    if (asJson) console.log(printableJson(JSON.stringify(value)));
    else console.log(renderFlowLine(printableStrings(line), node, view));
  };
}

/** The flows of all nodes in order of time. */
async function keptFlows(
  { clients, several }: Targets,
  { last }: FlowsCommandOptions,
  signal: AbortSignal,
): Promise<readonly NodeFlow[]> {
  const flows: NodeFlow[] = [];
  for (const [node, client] of clients)
    await whereItAnswers(node, several, async () => {
      for await (const line of client.flows({ follow: false, last, signal }))
        flows.push({ node, line });
    });
  const ordered = flows.sort((a, b) => a.line.time.localeCompare(b.line.time));
  return last === undefined ? ordered : ordered.slice(-last);
}

interface Following {
  readonly stop: AbortSignal;
  readonly print: (flow: NodeFlow) => void;
}

async function followAll(
  { clients, several }: Targets,
  { last }: FlowsCommandOptions,
  { stop, print }: Following,
): Promise<void> {
  const follow = [...clients].map(([node, client]) =>
    whereItAnswers(node, several, async () => {
      for await (const line of client.flows({ follow: true, last, signal: stop }))
        print({ node, line });
    }),
  );
  await Promise.all(follow);
}

/** With several nodes, one that does not answer does not stop the output of the others. */
async function whereItAnswers(
  node: string,
  several: boolean,
  read: () => Promise<void>,
): Promise<void> {
  try {
    await read();
  } catch (error) {
    if (!several || !(error instanceof CommandError)) throw error;
    console.error(`heddle: ${node}: ${printable(error.message)}`);
    process.exitCode = 1;
  }
}

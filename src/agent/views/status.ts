// The node's status: combines the state of all parts of the agent.

import { release } from 'node:os';
import type { MapFill } from '../../api/maps.ts';
import type {
  DatapathView,
  HealthView,
  NodeStatus,
  ProblemView,
  StartTimes,
  TableFailure,
  TableView,
  UplinkView,
} from '../../api/status.ts';
import { memoize } from '../../base/memoize.ts';
import { type Moment, wallTime } from '../../base/moment.ts';
import { printableStrings } from '../../base/printable.ts';
import type { ClusterService } from '../../cluster/objects.ts';
import type { SourceProblem } from '../../cluster/state.ts';
import { programNames } from '../../datapath/generated.ts';
import type { Uplink } from '../../model/host.ts';
import type { TableStatus } from '../../reconcile/status.ts';
import { factProblems } from '../node-facts/fact-watch.ts';
import type { AgentParts } from '../parts.ts';
import { waitingFor } from '../readiness.ts';
import { apiServerView } from './api-server.ts';

const processStart = 0 as Moment;

export interface StatusSources {
  readonly parts: AgentParts;
  readonly version: string;
  readonly start: StartTimes;
  readonly tables: readonly TableView[];
  readonly maps: readonly MapFill[];
}

export function nodeStatus(sources: StatusSources): NodeStatus {
  const { parts, version, start, tables, maps } = sources;
  const { config, network, observer, journal, source, pods, kubernetes } = parts;
  const { state, complete, problems } = network.snapshot;
  const { lastChange } = journal;
  // Texts from objects and servers are shown on terminals.
  return printableStrings({
    node: config.node,
    version,
    kernel: release(),
    pid: process.pid,
    startedAt: wallTime(processStart),
    uptimeMs: Math.round(performance.now()),
    health: health(sources),
    mode: config.mode,
    cluster: {
      source: source.name,
      complete,
      nodes: state.nodes.size,
      pods: state.pods.size,
      services: addressedServices(state.services),
      problems: shownProblems(problems),
      ...(kubernetes === undefined ? {} : { apiServer: apiServerView(kubernetes.state) }),
    },
    ...(lastChange === undefined ? {} : { lastChange }),
    datapath: datapathView(parts, tables),
    tables,
    endpoints: pods.endpoints().length,
    facts: parts.facts.views,
    maps,
    drops: observer.drops.view(performance.now()),
    flowEvents: observer.eventTotals(),
    recentErrors: journal.recentErrors,
    start,
  });
}

const shownAtMost = 50;

/** Limits the number, however many objects are invalid. */
function shownProblems(problems: readonly SourceProblem[]): readonly ProblemView[] {
  const shown = problems.slice(0, shownAtMost);
  const more = countOf(problems) - countOf(shown);
  return [
    ...shown.map(({ text, consequence, isSource }) => ({
      text,
      consequence,
      ...(isSource === true && { isSource }),
    })),
    ...(more > 0
      ? [{ text: `${more} more`, consequence: 'correct the problems above to see the others' }]
      : []),
  ];
}

function countOf(problems: readonly SourceProblem[]): number {
  return problems.reduce((sum, { count = 1 }) => sum + count, 0);
}

/** Without headless Services, which are found by name resolution alone. */
const addressedServices: (services: ReadonlyMap<string, ClusterService>) => number = memoize(
  (services) =>
    [...services.values()].filter(({ clusterAddresses }) => clusterAddresses.length > 0).length,
);

function datapathView(
  { datapath, network }: AgentParts,
  tables: readonly TableView[],
): DatapathView {
  const { objectHash, adopted, loadMs } = datapath;
  const { podMtuBytes } = network.desired;
  return {
    objectHash,
    adopted,
    loadMs,
    programs: programNames.length,
    attachments: tables.find(({ name }) => name === 'attachments')?.applied ?? 0,
    ...(podMtuBytes === undefined ? {} : { mtuBytes: podMtuBytes }),
    uplinks: network.host.uplinks.map(uplinkView),
  };
}

/** Sentences about everything unusable or missing in the cluster's objects, on this node, and in its endpoints. */
export function problemTexts(parts: AgentParts): readonly string[] {
  const { problems } = parts.network.snapshot;
  const objects = shownProblems(problems).map(({ text, consequence }) => `${text}; ${consequence}`);
  return [...objects, ...ownProblems(parts)];
}

/** Converts times for users and JSON. */
export function tableView({ name, desired, applied, failures, writes }: TableStatus): TableView {
  return {
    name,
    desired,
    applied,
    failures: failures.map(({ key, text, retryAt }) => ({
      ...(key === undefined ? {} : { key }),
      text,
      retryAt: wallTime(retryAt as Moment),
    })),
    writes,
  };
}

function health({ parts, start, tables }: StatusSources): HealthView {
  const { problems } = parts.network.snapshot;
  const broken = countOf(problems.filter(({ isSource }) => isSource !== true));
  const what = parts.kubernetes === undefined ? 'manifests' : 'objects';
  const waiting = start.readyMs === undefined ? waitingFor(parts) : undefined;
  const reasons = [
    ...new Set([
      ...(waiting === undefined ? sourceReasons(problems) : [waiting]),
      ...failureReason(tables.flatMap((table) => table.failures)),
      ...ownProblems(parts),
      ...(broken === 0 ? [] : [`${broken} of the cluster's ${what} could not be used as written`]),
    ]),
  ];
  if (start.readyMs === undefined) return { state: 'starting', reasons };
  return { state: reasons.length === 0 ? 'healthy' : 'degraded', reasons };
}

function sourceReasons(problems: readonly SourceProblem[]): readonly string[] {
  return problems.filter(({ isSource }) => isSource === true).map(({ text }) => text);
}

function ownProblems({
  network,
  pods,
  facts,
  cniConfiguration,
  ownProblems: own,
  writer,
}: AgentParts): readonly string[] {
  // Before the cluster is known, nothing counts as missing.
  const problems = network.isWaiting ? [] : network.desired.problems;
  return [
    ...(network.problem === undefined ? [] : [network.problem]),
    ...problems.map(({ object, text }) => `${object}: ${text}`),
    ...factProblems(facts.views),
    ...pods.problems(),
    ...cniConfiguration.problems,
    ...own.texts,
    ...(writer?.problems ?? []),
  ];
}

function failureReason(failures: readonly TableFailure[]): readonly string[] {
  if (failures.length === 0) return [];
  const next = Math.min(...failures.map(({ retryAt }) => Date.parse(retryAt)));
  const seconds = Math.max(0, Math.ceil((next - Date.now()) / 1000));
  const what = failures.length === 1 ? '1 table entry' : `${failures.length} table entries`;
  return [`${what} could not be applied (retry in ${seconds} s)`];
}

function uplinkView({ name, ifIndex, mtuBytes, addresses }: Uplink): UplinkView {
  const shown = addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  return { name, ifIndex, mtuBytes, addresses: shown };
}

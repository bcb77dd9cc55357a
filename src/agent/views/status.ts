// The node's status: combines the state of all parts of the agent.

import { release } from 'node:os';
import type { MapFill } from '../../api/maps.ts';
import type {
  ClusterView,
  DatapathView,
  HealthView,
  NodeStatus,
  StartTimes,
  TableView,
  UplinkView,
} from '../../api/status.ts';
import { memoize } from '../../base/memoize.ts';
import { type Moment, wallTime } from '../../base/moment.ts';
import { printableStrings } from '../../base/printable.ts';
import type { ClusterService } from '../../cluster/objects.ts';
import { programNames } from '../../datapath/generated.ts';
import type { Uplink } from '../../model/host.ts';
import type { TableStatus } from '../../reconcile/status.ts';
import type { AgentParts } from '../parts.ts';
import { apiServerView } from './api-server.ts';
import { clusterProblems, healthProblems } from './problems.ts';
import { translatorOf } from './services.ts';

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
      ...servicesViews(parts),
      problems: clusterProblems(problems),
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

function servicesViews(
  parts: AgentParts,
): Pick<ClusterView, 'servicesBy' | 'servicesReason' | 'servicesNote'> {
  const { reason } = parts.serviceChoice;
  const note = parts.kubeProxy?.note;
  return {
    servicesBy: translatorOf(parts),
    ...(reason !== undefined && { servicesReason: reason }),
    ...(note !== undefined && { servicesNote: note }),
  };
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

export function health({
  parts,
  start,
  tables,
}: Pick<StatusSources, 'parts' | 'start' | 'tables'>): HealthView {
  const isReady = start.readyMs !== undefined;
  const problems = healthProblems({ parts, isReady, tables });
  const state = !isReady ? 'starting' : problems.length === 0 ? 'healthy' : 'degraded';
  return { state, reasons: problems.map(({ text }) => text), problems };
}

function uplinkView({ name, ifIndex, mtuBytes, addresses }: Uplink): UplinkView {
  const shown = addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`);
  return { name, ifIndex, mtuBytes, addresses: shown };
}

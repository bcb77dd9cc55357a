// The metrics whose values are kept elsewhere: name, help text, and how a scrape reads them.

import type { ApiServerView } from '../api/api-server.ts';
import type { EndpointTraffic, TrafficCount } from '../api/endpoints.ts';
import type { MapFill } from '../api/maps.ts';
import { type NodeProblem, problemKinds } from '../api/problem.ts';
import type { DropCount, FactView, FlowEventTotals, TableView } from '../api/status.ts';
import type { ServiceMetricValues } from './service-values.ts';

/** Read at each scrape, so all of these must be cheap. */
export interface MetricSources {
  readonly version: string;
  readonly node: string;
  endpoints(): number;
  problems(): readonly NodeProblem[];
  facts(): readonly FactView[];
  tables(): readonly TableView[];
  maps(): readonly MapFill[];
  drops(): readonly DropCount[];
  traffic(): EndpointTraffic;
  flowEvents(): FlowEventTotals;
  lostLogLines(): number;
  /** Absent: another program translates Services. */
  readonly services?: (() => ServiceMetricValues) | undefined;
  /** Absent without an API server. */
  readonly apiServer?: (() => ApiServerView) | undefined;
}

export interface ReadMetric {
  readonly kind: 'gauge' | 'counter';
  readonly name: string;
  readonly help: string;
  readonly labelNames: string[];
  read(): readonly MetricSample[];
}

export interface MetricSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export function readMetrics(sources: MetricSources): readonly ReadMetric[] {
  return [...nodeMetrics(sources), ...datapathMetrics(sources), ...tableMetrics(sources)];
}

function nodeMetrics(sources: MetricSources): readonly ReadMetric[] {
  const { version, node, endpoints, problems, facts, lostLogLines } = sources;
  return [
    {
      kind: 'gauge',
      name: 'heddle_build_info',
      help: 'Version of the agent; always 1.',
      labelNames: ['version', 'node'],
      read: () => [{ labels: { version, node }, value: 1 }],
    },
    {
      kind: 'gauge',
      name: 'heddle_endpoints',
      help: 'Pod interfaces on this node.',
      labelNames: [],
      read: () => [{ labels: {}, value: endpoints() }],
    },
    {
      kind: 'gauge',
      name: 'heddle_problems',
      help: 'Current problems of the node by kind, as `heddle status` shows them.',
      labelNames: ['kind'],
      read: () => {
        const now = problems();
        return problemKinds.map((kind) => ({
          labels: { kind },
          value: now.filter((problem) => problem.kind === kind).length,
        }));
      },
    },
    {
      kind: 'gauge',
      name: 'heddle_node_fact',
      help: "Whether a fact about the node's kernel that packets of pods depend on holds: 1 or 0.",
      labelNames: ['fact'],
      // If the kernel could not be read, the metric is absent.
      read: () =>
        facts()
          .filter(({ state }) => state !== 'unknown')
          .map(({ id, state }) => ({ labels: { fact: id }, value: state === 'problem' ? 0 : 1 })),
    },
    {
      kind: 'counter',
      name: 'heddle_log_lines_lost_total',
      help: "Lines of the agent's log that could not be written.",
      labelNames: [],
      read: () => [{ labels: {}, value: lostLogLines() }],
    },
  ];
}

function datapathMetrics(sources: MetricSources): readonly ReadMetric[] {
  return [
    {
      kind: 'counter',
      name: 'heddle_drops_total',
      help: 'Packets dropped by the data path, by reason.',
      labelNames: ['reason'],
      read: () =>
        sources.drops().map(({ reason, packets }) => ({ labels: { reason }, value: packets })),
    },
    {
      kind: 'counter',
      name: 'heddle_pod_packets_total',
      help: "Packets of pods, by direction from the pod's point of view.",
      labelNames: ['direction'],
      read: () => byDirection(sources.traffic(), 'packets'),
    },
    {
      kind: 'counter',
      name: 'heddle_pod_bytes_total',
      help: "Bytes of IP packets of pods, by direction from the pod's point of view.",
      labelNames: ['direction'],
      read: () => byDirection(sources.traffic(), 'bytes'),
    },
    {
      kind: 'counter',
      name: 'heddle_flow_events_total',
      help: 'Flow events received, suppressed by the budget, and lost to a full ring buffer.',
      labelNames: ['outcome'],
      read: () => perKey('outcome', { ...sources.flowEvents() }),
    },
    {
      kind: 'gauge',
      name: 'heddle_map_entries',
      help: 'Entries in a BPF map.',
      labelNames: ['map'],
      read: () =>
        sources
          .maps()
          .flatMap(({ name, entries }) =>
            entries === undefined ? [] : [{ labels: { map: name }, value: entries }],
          ),
    },
    {
      kind: 'gauge',
      name: 'heddle_map_max_entries',
      help: 'Size of a BPF map.',
      labelNames: ['map'],
      read: () =>
        sources
          .maps()
          .map(({ name, maxEntries }) => ({ labels: { map: name }, value: maxEntries })),
    },
  ];
}

function tableMetrics({ tables }: MetricSources): readonly ReadMetric[] {
  const perTable = (pick: (table: TableView) => number) => (): MetricSample[] =>
    tables().map((table) => ({ labels: { table: table.name }, value: pick(table) }));
  const labelNames = ['table'];
  return [
    {
      kind: 'gauge',
      name: 'heddle_table_entries_desired',
      help: 'Entries that should be in the kernel.',
      labelNames,
      read: perTable((table) => table.desired),
    },
    {
      kind: 'gauge',
      name: 'heddle_table_entries_applied',
      help: 'Entries that the kernel holds as intended.',
      labelNames,
      read: perTable((table) => table.applied),
    },
    {
      kind: 'gauge',
      name: 'heddle_table_entries_failed',
      help: 'Entries that could not be applied and are retried.',
      labelNames,
      read: perTable((table) => table.failures.length),
    },
    {
      kind: 'counter',
      name: 'heddle_table_sets_total',
      help: 'Entries written to the kernel.',
      labelNames,
      read: perTable((table) => table.writes.set),
    },
    {
      kind: 'counter',
      name: 'heddle_table_deletes_total',
      help: 'Entries deleted from the kernel.',
      labelNames,
      read: perTable((table) => table.writes.deleted),
    },
    {
      kind: 'counter',
      name: 'heddle_table_restored_total',
      help: 'Entries restored after another process had changed them.',
      labelNames,
      read: perTable((table) => table.writes.restored),
    },
  ];
}

function byDirection(traffic: EndpointTraffic, pick: keyof TrafficCount): MetricSample[] {
  return perKey('direction', { ingress: traffic.ingress[pick], egress: traffic.egress[pick] });
}

function perKey(label: string, values: Readonly<Record<string, number>>): MetricSample[] {
  return Object.entries(values).map(([key, value]) => ({ labels: { [label]: key }, value }));
}

// Metrics of Services, if Heddle translates them. Those that mean the same as kube-proxy's have its names, without the label
// `ip_family`: one settle writes both families.

import { Histogram, type Registry } from 'prom-client';
import type { ReadMetric } from './metric-list.ts';
import type { ServiceMetricValues } from './service-values.ts';

export function serviceMetrics(read: () => ServiceMetricValues): readonly ReadMetric[] {
  const one = (
    kind: ReadMetric['kind'],
    name: string,
    help: string,
    pick: (values: ServiceMetricValues) => number,
  ): ReadMetric => {
    const sample = () => [{ labels: {}, value: pick(read()) }];
    return { kind, name, help, labelNames: [], read: sample };
  };
  const answers = (name: 'healthz' | 'livez'): ReadMetric => ({
    kind: 'counter',
    name: `kubeproxy_proxy_${name}_total`,
    help: `Answers of /${name} at services.healthAddress, by status code.`,
    labelNames: ['code'],
    read: () => Object.entries(read()[name]).map(([code, value]) => ({ labels: { code }, value })),
  });
  const rules = 'kubeproxy_sync_proxy_rules';
  return [
    one('gauge', 'heddle_services', 'Services that have frontends.', ({ services }) => services),
    one(
      'gauge',
      'heddle_services_limited',
      'Services that lack backends or frontends because a limit is reached; entries for which a table has no room are in heddle_table_entries_failed.',
      ({ limited }) => limited,
    ),
    one(
      'counter',
      `${rules}_service_changes_total`,
      'Changes of Services that have been written.',
      ({ serviceChanges }) => serviceChanges,
    ),
    one(
      'counter',
      `${rules}_endpoint_changes_total`,
      'Changes of EndpointSlices that have been written.',
      ({ endpointChanges }) => endpointChanges,
    ),
    one(
      'gauge',
      `${rules}_last_queued_timestamp_seconds`,
      'When a change was last waiting to be written.',
      ({ lastQueuedAt }) => lastQueuedAt,
    ),
    one(
      'gauge',
      `${rules}_last_timestamp_seconds`,
      'When everything was last written.',
      ({ lastSyncedAt }) => lastSyncedAt,
    ),
    answers('healthz'),
    answers('livez'),
  ];
}

export interface ServiceSyncTimes {
  readonly seconds: number;
  readonly programmingSeconds: readonly number[];
}

// As kube-proxy has them: 1 ms, doubled 14 times; 0.25 s to 5 minutes.
const syncBuckets = Array.from({ length: 15 }, (_, index) => 0.001 * 2 ** index);
const programmingBuckets = [
  ...[0.25, 0.5],
  ...Array.from({ length: 59 }, (_, index) => index + 1),
  ...Array.from({ length: 12 }, (_, index) => 60 + 5 * index),
  ...Array.from({ length: 7 }, (_, index) => 120 + 30 * index),
];

export class ServiceHistograms {
  readonly #syncs: Histogram;
  readonly #programming: Histogram;

  constructor(registry: Registry) {
    this.#syncs = new Histogram({
      name: 'kubeproxy_sync_proxy_rules_duration_seconds',
      help: 'Duration of one settle of Services: derive, compare, write.',
      buckets: syncBuckets,
      registers: [registry],
    });
    this.#programming = new Histogram({
      name: 'kubeproxy_network_programming_duration_seconds',
      help: 'Time from the cause of a change of endpoints (endpoints.kubernetes.io/last-change-trigger-time) until the kernel has it.',
      buckets: programmingBuckets,
      registers: [registry],
    });
  }

  observe({ seconds, programmingSeconds }: ServiceSyncTimes): void {
    this.#syncs.observe(seconds);
    for (const each of programmingSeconds) this.#programming.observe(each);
  }
}

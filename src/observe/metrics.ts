// The metrics at /metrics. Counters kept elsewhere are read at each scrape; durations are recorded here.

import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { SettleCause } from '../api/status.ts';
import { apiMetrics } from './api-metrics.ts';
import { type MetricSources, type ReadMetric, readMetrics } from './metric-list.ts';
import { ServiceHistograms, type ServiceSyncTimes, serviceMetrics } from './service-metrics.ts';

export class Metrics {
  readonly #registry = new Registry();
  readonly #settles: Histogram<'cause'>;
  readonly #services: ServiceHistograms | undefined;
  readonly #cniRequests: Histogram<'verb' | 'code'>;

  constructor(sources: MetricSources) {
    // With the default precision, the event loop monitor wakes an idle agent a hundred times per second.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 500 });
    const { apiServer, services } = sources;
    const metrics = [
      ...readMetrics(sources),
      ...(apiServer ? apiMetrics(apiServer) : []),
      ...(services ? serviceMetrics(services) : []),
    ];
    for (const metric of metrics) this.#add(metric);
    this.#services = services && new ServiceHistograms(this.#registry);
    this.#settles = new Histogram({
      name: 'heddle_settle_duration_seconds',
      help: 'Duration of one settle: compute the desired state, compare, write.',
      labelNames: ['cause'],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers: [this.#registry],
    });
    this.#cniRequests = new Histogram({
      name: 'heddle_cni_request_duration_seconds',
      help: 'Duration of one CNI request in the agent, by verb and CNI error code (0: success).',
      labelNames: ['verb', 'code'],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
      registers: [this.#registry],
    });
  }

  settled(cause: SettleCause, seconds: number): void {
    this.#settles.observe({ cause }, seconds);
  }

  /** A settle of Services. */
  servicesSynced(sync: ServiceSyncTimes): void {
    this.#services?.observe(sync);
  }

  cniRequest({ verb, code, seconds }: { verb: string; code: number; seconds: number }): void {
    this.#cniRequests.observe({ verb, code: String(code) }, seconds);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** In the Prometheus text format. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #add({ kind, name, help, labelNames, read }: ReadMetric): void {
    const options = { name, help, labelNames, registers: [this.#registry] };
    if (kind === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          this.reset();
          for (const { labels, value } of read()) this.set(labels, value);
        },
      });
      return;
    }
    new Counter({
      ...options,
      collect() {
        this.reset();
        for (const { labels, value } of read()) this.inc(labels, value);
      },
    });
  }
}

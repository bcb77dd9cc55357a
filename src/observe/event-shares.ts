// Finds the endpoints whose flow events were suppressed. Each endpoint has a share of the events that a CPU may send
// (bpf/event-budget.h), and counts the events beyond it.

import type { EndpointCounters } from '../datapath/generated.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { type PerCpuValues, sumOver } from './per-cpu.ts';

export interface HeldBack {
  readonly endpoint: LocalEndpoint;
  /** Both directions, since the last call. */
  readonly suppressed: number;
}

/** Maximum number of endpoints that are named. */
const namedAtMost = 5;

export class EventShares {
  readonly #counters: PerCpuValues<EndpointCounters>;
  // Keyed by the record: a new endpoint in a reused slot has another record and starts from zero.
  #last = new WeakMap<LocalEndpoint, number>();

  /** `endpoints`: the current ones; events suppressed before are not counted. */
  constructor(counters: PerCpuValues<EndpointCounters>, endpoints: readonly LocalEndpoint[]) {
    this.#counters = counters;
    for (const endpoint of endpoints) this.#last.set(endpoint, this.#suppressed(endpoint));
  }

  /**
   * The endpoints with the most suppressed events. Reads one entry per endpoint, so call it only if events are missing.
   */
  grown(endpoints: readonly LocalEndpoint[]): readonly HeldBack[] {
    return endpoints
      .map((endpoint) => ({ endpoint, suppressed: this.#growth(endpoint) }))
      .filter(({ suppressed }) => suppressed > 0)
      .sort((left, right) => right.suppressed - left.suppressed)
      .slice(0, namedAtMost);
  }

  #growth(endpoint: LocalEndpoint): number {
    const now = this.#suppressed(endpoint);
    const growth = now - (this.#last.get(endpoint) ?? 0);
    this.#last.set(endpoint, now);
    return growth;
  }

  #suppressed({ id }: LocalEndpoint): number {
    return sumOver(
      this.#counters.get(id),
      ({ events }) => events[0].suppressed + events[1].suppressed,
    );
  }
}

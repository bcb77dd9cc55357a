// Whose events the data path held back: each endpoint has a share of what a CPU may send (bpf/event-budget.h), and counts what was
// over it.

import type { EndpointCounters } from '../datapath/generated.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { type PerCpuValues, sumOver } from './per-cpu.ts';

export interface HeldBack {
  readonly endpoint: LocalEndpoint;
  /** Both ways, since the last time. */
  readonly suppressed: number;
}

/** Named one by one; what others lost is told without a name. */
const namedAtMost = 5;

export class EventShares {
  readonly #counters: PerCpuValues<EndpointCounters>;
  // Keyed by the record itself: a new endpoint in an old slot is another record and starts from zero.
  #last = new WeakMap<LocalEndpoint, number>();

  /** `endpoints`: those there are; what they lost before is not told. */
  constructor(counters: PerCpuValues<EndpointCounters>, endpoints: readonly LocalEndpoint[]) {
    this.#counters = counters;
    for (const endpoint of endpoints) this.#last.set(endpoint, this.#suppressed(endpoint));
  }

  /** The few that lost most. Asks the kernel once for each endpoint: only where something is missing at all. */
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

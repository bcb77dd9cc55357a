// Packets and bytes of pods: per endpoint as counted by the data path, and per node as counters that only grow,
// although an endpoint's counters are deleted with it.

import type { EndpointTraffic, TrafficCount } from '../api/endpoints.ts';
import { type EndpointCounters, type EventShare, trafficDirection } from '../datapath/generated.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { type PerCpuValues, sumOver } from './per-cpu.ts';

/** The part of the per-CPU map that is used here. */
export interface EndpointCounterMap extends PerCpuValues<EndpointCounters> {
  setAll(key: number, value: EndpointCounters): void;
}

const nothing: TrafficCount = { packets: 0, bytes: 0, droppedPackets: 0 };
const noTraffic: EndpointTraffic = { ingress: nothing, egress: nothing };
const noEvents: EventShare = { windowStartNs: 0, used: 0, suppressed: 0 };

export class TrafficCounts {
  readonly #counters: EndpointCounterMap;
  // Keyed by the record: a new endpoint in a reused slot has another record and starts from zero.
  #last = new Map<LocalEndpoint, EndpointTraffic>();
  #total: EndpointTraffic = noTraffic;

  constructor(counters: EndpointCounterMap) {
    this.#counters = counters;
  }

  of(endpoint: LocalEndpoint): EndpointTraffic {
    const values = this.#counters.get(endpoint.id);
    return {
      ingress: direction(values, trafficDirection.ingress),
      egress: direction(values, trafficDirection.egress),
    };
  }

  /** For a new endpoint without traffic: clears the counters that an earlier one has left in the slot. */
  begin(endpoint: LocalEndpoint): void {
    this.#counters.setAll(endpoint.id, {
      traffic: [nothing, nothing],
      events: [noEvents, noEvents],
    });
  }

  /** For an endpoint that is deleted: adds its counters to the total. */
  end(endpoint: LocalEndpoint): void {
    this.#grow(endpoint, this.of(endpoint));
    this.#last.delete(endpoint);
  }

  /** Total of these endpoints and of all deleted since the agent's start. */
  total(endpoints: readonly LocalEndpoint[]): EndpointTraffic {
    const now = new Map(endpoints.map((endpoint) => [endpoint, this.of(endpoint)]));
    for (const [endpoint, traffic] of now) this.#grow(endpoint, traffic);
    this.#last = now;
    return this.#total;
  }

  #grow(endpoint: LocalEndpoint, traffic: EndpointTraffic): void {
    const before = this.#last.get(endpoint) ?? noTraffic;
    this.#total = {
      ingress: grown(this.#total.ingress, before.ingress, traffic.ingress),
      egress: grown(this.#total.egress, before.egress, traffic.egress),
    };
  }
}

function direction(values: readonly EndpointCounters[] | undefined, side: number): TrafficCount {
  const sum = (pick: keyof TrafficCount): number =>
    sumOver(values, ({ traffic }) => traffic[side]?.[pick] ?? 0);
  return {
    packets: sum('packets'),
    bytes: sum('bytes'),
    droppedPackets: sum('droppedPackets'),
  };
}

function grown(total: TrafficCount, before: TrafficCount, after: TrafficCount): TrafficCount {
  const add = (pick: keyof TrafficCount): number =>
    // A lower value means that another process cleared the slot; all of it is new.
    total[pick] + (after[pick] < before[pick] ? after[pick] : after[pick] - before[pick]);
  return {
    packets: add('packets'),
    bytes: add('bytes'),
    droppedPackets: add('droppedPackets'),
  };
}

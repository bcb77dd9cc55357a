// Observes the running data path: reads events, samples counters and sweeps the flow table.

import { setImmediate, setInterval } from 'node:timers/promises';
import type { DropCount, FlowEventTotals } from '../api/status.ts';
import { maps } from '../datapath/generated.ts';
import type { MapSet } from '../datapath/load/map-set.ts';
import { BpfMap } from '../kernel/bpf/map.ts';
import { DropCounts } from './drop-counts.ts';
import { FlowEvents, recordContext } from './flow-events.ts';
import { FlowLog } from './flow-log.ts';
import type { FlowNames } from './flow-names.ts';
import { ownerOf, recordOfIdleFlow } from './flow-record.ts';

import { sweepFlows, sweptKeyCodec } from './flow-sweep.ts';
import { LedFlows, type NameFrontend } from './led-flows.ts';
import { QueueDropCounts, type QueueDropSources } from './queue-drop-counts.ts';
import type { TrafficCounts } from './traffic-counts.ts';

export interface ObserverOptions {
  readonly maps: MapSet;
  readonly names: FlowNames;
  readonly queues: QueueDropSources;
  readonly traffic: TrafficCounts;
  /** See `NftDrops.byReason`. */
  ruleDrops(): readonly DropCount[];
  /** The Services as they are now. */
  frontends(): NameFrontend;
}

const sampleMs = 2000;
const sweepMs = 15_000;

export class Observer {
  readonly log: FlowLog = new FlowLog();
  readonly drops: DropCounts;
  readonly traffic: TrafficCounts;
  readonly #options: ObserverOptions;
  readonly #events: FlowEvents;
  readonly #led: LedFlows;
  #flowEntries: number | undefined;

  constructor(options: ObserverOptions) {
    const { flowEvents, eventBudget, dropCounters, endpointCounters } = options.maps;
    const { names, queues } = options;
    const queueDrops = new QueueDropCounts(queues);
    this.#options = options;
    this.#led = new LedFlows(() => options.frontends());
    this.#events = new FlowEvents({
      ...{ ring: flowEvents, budget: eventBudget, counters: endpointCounters },
      ...{ names, led: this.#led, log: this.log },
    });
    this.drops = new DropCounts(dropCounters, {
      queues: () => queueDrops.total(),
      rules: () => options.ruleDrops(),
    });
    this.traffic = options.traffic;
  }

  /** Number of entries in the flow table after the last sweep; undefined before the first. */
  get flowEntries(): number | undefined {
    return this.#flowEntries;
  }

  eventTotals(): FlowEventTotals {
    return this.#events.totals();
  }

  /** Runs until `signal` aborts. Rejects on an internal failure. */
  async run(signal: AbortSignal): Promise<void> {
    this.#sample();
    await Promise.all([
      this.#events.run(signal),
      every(sampleMs, signal, () => this.#sample()),
      this.#sweep().then(() => every(sweepMs, signal, () => this.#sweep())),
    ]);
  }

  #sample(): void {
    this.#options.names.refresh();
    this.drops.sample(performance.now());
    this.#events.checkMissed();
  }

  async #sweep(): Promise<void> {
    const spec = { ...maps.flows, key: sweptKeyCodec };
    // Opened by id, because another process may have removed the pin.
    using table = BpfMap.openById(this.#options.maps.flows.id, spec);
    const context = recordContext(this.#options.names, this.#led);
    const { entries } = await sweepFlows({
      table,
      nowNs: Number(process.hrtime.bigint()),
      onIdle: (key, flow) => this.log.append(recordOfIdleFlow(key, flow, context), ownerOf(flow)),
      pause: () => setImmediate(),
    });
    this.#flowEntries = entries;
  }
}

async function every(
  ms: number,
  signal: AbortSignal,
  body: () => void | Promise<void>,
): Promise<void> {
  try {
    for await (const _ of setInterval(ms, undefined, { signal })) await body();
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

// Reads flow events from the ring buffer into the flow log and records gaps where events are missing.

import { setImmediate } from 'node:timers/promises';
import type { FlowEventTotals } from '../api/status.ts';
import type { EndpointCounters, EventBudget, FlowEvent } from '../datapath/generated.ts';
import { EventShares } from './event-shares.ts';
import type { FlowLog } from './flow-log.ts';
import type { FlowNames } from './flow-names.ts';
import { ownerOf, type RecordContext, recordOfEvent } from './flow-record.ts';
import type { LedFlows } from './led-flows.ts';
import { type PerCpuValues, sumOver } from './per-cpu.ts';

export interface FlowEventSources {
  readonly ring: {
    batches(options: {
      signal: AbortSignal;
      maxBatch: number;
      periodMs: number;
      idlePeriodMs: number;
    }): AsyncIterable<FlowEvent[]>;
  };
  readonly budget: PerCpuValues<EventBudget>;
  /** By endpoint id. */
  readonly counters: PerCpuValues<EndpointCounters>;
  readonly names: FlowNames;
  readonly led: LedFlows;
  readonly log: FlowLog;
}

// Bounds the time that a full ring (some 10,000 events) delays a CNI request.
const maxBatch = 500;
// The data path wakes the agent when the ring is a quarter full. Users do not notice this delay, and each poll costs an
// idle node time.
const periods = { periodMs: 200, idlePeriodMs: 1000 };

export class FlowEvents {
  readonly #sources: FlowEventSources;
  readonly #atStart: MissedCounts;
  readonly #shares: EventShares;
  #received = 0;
  #missed: MissedCounts;

  constructor(sources: FlowEventSources) {
    this.#sources = sources;
    this.#atStart = missedCounts(sources.budget);
    this.#missed = this.#atStart;
    this.#shares = new EventShares(sources.counters, sources.names.endpoints);
  }

  /** Reads until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    for await (const events of this.#sources.ring.batches({ signal, maxBatch, ...periods })) {
      this.take(events);
      if (events.length === maxBatch) await setImmediate();
    }
  }

  take(events: readonly FlowEvent[]): void {
    const { names, led, log } = this.#sources;
    led.refresh();
    const context = recordContext(names, led);
    for (const event of events) log.append(recordOfEvent(event, context), ownerOf(event));
    this.#received += events.length;
  }

  /** Checks how many events the data path could not send, and records the gap for readers of the log. */
  checkMissed(): void {
    const now = missedCounts(this.#sources.budget);
    const suppressed = now.suppressed - this.#missed.suppressed;
    const lost = now.lost - this.#missed.lost;
    if (suppressed > 0) this.#tellSuppressed(suppressed);
    if (lost > 0) this.#sources.log.appendGap('ring full', lost);
    this.#missed = now;
  }

  #tellSuppressed(records: number): void {
    const { names, log } = this.#sources;
    let rest = records;
    for (const { endpoint, suppressed } of this.#shares.grown(names.endpoints)) {
      const told = Math.min(suppressed, rest);
      if (told > 0) log.appendGap('suppressed', told, names.sender(endpoint.hostIfIndex));
      rest -= told;
    }
    if (rest > 0) log.appendGap('suppressed', rest);
  }

  totals(): FlowEventTotals {
    return {
      received: this.#received,
      suppressed: this.#missed.suppressed - this.#atStart.suppressed,
      lost: this.#missed.lost - this.#atStart.lost,
    };
  }
}

/** The offset to wall-clock time is computed for each pass: suspend and clock changes move the two clocks apart. */
export function recordContext(names: FlowNames, led: LedFlows): RecordContext {
  const bootMs = Date.now() - Number(process.hrtime.bigint()) / 1e6;
  return {
    owner: (address, atNs) => names.of(address, atNs),
    sender: (ifIndex) => names.sender(ifIndex),
    serviceOf: (event) => led.ofEvent(event),
    serviceOfEnded: (ends) => led.ended(ends),
    wallMs: (monotonicNs) => bootMs + monotonicNs / 1e6,
  };
}

interface MissedCounts {
  readonly suppressed: number;
  readonly lost: number;
}

function missedCounts(budget: PerCpuValues<EventBudget>): MissedCounts {
  const values = budget.get(0);
  return {
    suppressed: sumOver(values, (value) => value.suppressed),
    lost: sumOver(values, (value) => value.lost),
  };
}

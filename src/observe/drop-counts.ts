// Dropped packets by reason, and how many of them in the last minute. Those of the data path count since its maps were
// made, those of pods' queues and of our nftables rules since the agent's start.

import type { DropCount, DropsView } from '../api/status.ts';
import { type DropCounter, dropReasonNames } from '../datapath/generated.ts';
import { dropReasonName } from './flow-record.ts';
import { type PerCpuValues, sumOver } from './per-cpu.ts';

const windowMs = 60_000;
/** What a queue drops that holds a pod to its limit. */
export const bandwidthLimit = 'bandwidth limit';

/** What is dropped elsewhere than in the programs. */
export interface OtherDrops {
  /** See `QueueDropCounts.total`. */
  queues(): number;
  /** By nftables rules. */
  rules(): readonly DropCount[];
}

export class DropCounts {
  readonly #counters: PerCpuValues<DropCounter>;
  readonly #others: OtherDrops;
  readonly #reasons = Object.keys(dropReasonNames).map(Number);
  #samples: readonly { readonly atMs: number; readonly packets: number }[] = [];

  constructor(counters: PerCpuValues<DropCounter>, others: OtherDrops) {
    this.#counters = counters;
    this.#others = others;
  }

  /** `nowMs`: on a clock that nobody sets. Call it every few seconds: the last minute is counted from the oldest sample within it. */
  sample(nowMs: number): void {
    const recent = this.#samples.filter(({ atMs }) => nowMs - atMs <= windowMs);
    this.#samples = [...recent, { atMs: nowMs, packets: sumPackets(this.byReason()) }];
  }

  /** Only reasons that occurred. */
  byReason(): readonly DropCount[] {
    const queued = this.#others.queues();
    return [
      ...this.#ofDatapath(),
      ...(queued === 0 ? [] : [{ reason: bandwidthLimit, packets: queued }]),
      ...this.#others.rules(),
    ];
  }

  view(nowMs: number): DropsView {
    const total = this.byReason();
    const packets = sumPackets(total);
    const base = this.#samples.find(({ atMs }) => nowMs - atMs <= windowMs);
    return { lastMinute: packets - (base?.packets ?? packets), total };
  }

  #ofDatapath(): readonly DropCount[] {
    return this.#reasons.flatMap((reason) => {
      const values = this.#counters.get(reason);
      const packets = sumOver(values, (value) => value.packets);
      const bytes = sumOver(values, (value) => value.bytes);
      return packets === 0 ? [] : [{ reason: dropReasonName(reason), packets, bytes }];
    });
  }
}

function sumPackets(counts: readonly DropCount[]): number {
  return counts.reduce((sum, { packets }) => sum + packets, 0);
}

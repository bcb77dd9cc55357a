// Dropped packets by reason, in total and in the last minute. Counts of the data path start when its maps are created;
// counts of pods' queues and of heddle's nftables rules start with the agent.

import type { DropCount, DropsView } from '../api/status.ts';
import { type DropCounter, dropReasonNames } from '../datapath/generated.ts';
import { dropReasonName } from './flow-record.ts';
import { type PerCpuValues, sumOver } from './per-cpu.ts';

const windowMs = 60_000;
/** Reason for packets dropped by a pod's bandwidth-limiting queue. */
export const bandwidthLimit = 'bandwidth limit';

/** Drops outside the BPF programs. */
export interface OtherDrops {
  /** See `QueueDropCounts.total`. */
  queues(): number;
  /** Drops by nftables rules. */
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

  /** Call this every few seconds: the last minute is counted from the oldest sample in it. `nowMs`: monotonic time. */
  sample(nowMs: number): void {
    const recent = this.#samples.filter(({ atMs }) => nowMs - atMs <= windowMs);
    this.#samples = [...recent, { atMs: nowMs, packets: sumPackets(this.byReason()) }];
  }

  /** Only reasons with drops. */
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

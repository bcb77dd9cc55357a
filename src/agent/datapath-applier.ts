// Applies the desired state to the data path. Pods wait here for their endpoints; all other changes request a settle.
// Listeners for the end of a settle register once (`onSettled`).

import type { SettleCause } from '../api/status.ts';
import type { Logger } from '../base/log.ts';
import { type Moment, moment } from '../base/moment.ts';
import { endpointFailures } from '../datapath/tables.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { TrafficCounts } from '../observe/traffic-counts.ts';
import type { SettleReport } from '../reconcile/status.ts';
import type { StaleConnections } from './connections/stale-connections.ts';
import { Guard } from './guard.ts';
import type { Journal } from './journal.ts';
import type { NodePlan } from './node-plan.ts';
import { Settler } from './settler.ts';

export interface DatapathApplierParts {
  readonly plan: NodePlan;
  readonly traffic: TrafficCounts;
  readonly connections: StaleConnections;
  readonly periodMs: number;
  readonly log: Logger;
  readonly journal: Pick<Journal, 'error'>;
}

export interface Settled {
  readonly causes: readonly SettleCause[];
  readonly report: SettleReport;
  readonly began: Moment;
}

interface Listener {
  readonly name: string;
  readonly listen: (settled: Settled) => void;
}

export class DatapathApplier {
  /** When to settle. */
  readonly settler: Settler;
  readonly #parts: DatapathApplierParts;
  readonly #listeners: Listener[] = [];
  readonly #guard: Guard;

  constructor(parts: DatapathApplierParts) {
    this.#parts = parts;
    this.#guard = new Guard(parts);
    const { periodMs, log } = parts;
    this.settler = new Settler({ settle: (causes) => this.#settle(causes), periodMs, log });
  }

  /**
   * Registers `listen`, which is called after each settle, before waiting callers continue. If it throws, the error is
   * logged and journaled under `name`; the settle still counts, and the next listener is called.
   */
  onSettled(name: string, listen: (settled: Settled) => void): void {
    this.#listeners.push({ name, listen });
  }

  /** See `PodHost.settle`. */
  async settleEndpoint(endpoint: LocalEndpoint, isServed: boolean): Promise<void> {
    const { traffic, connections } = this.#parts;
    if (isServed) traffic.begin(endpoint);
    else traffic.end(endpoint);
    const { failures } = await this.settler.request('endpoint');
    await connections.endpointChanged(endpoint, isServed);
    const text = endpointFailures(endpoint, failures);
    if (text !== undefined) throw new Error(text);
  }

  async #settle(causes: readonly SettleCause[]): Promise<SettleReport> {
    const began = moment();
    const report = await this.#parts.plan.settle(causes);
    for (const { name, listen } of this.#listeners) {
      this.#guard.run(name, () => listen({ causes, report, began }));
    }
    return report;
  }
}

// What kube-proxy's metrics say about its syncs, for the settles of Services: numbers of changes, times, and how long a
// change of endpoints took from its cause until the kernel had it.

import { Bookmark, type Entries } from '../../base/collections/collection.ts';
import type { ClusterEndpointSlice, ClusterService } from '../../cluster/objects.ts';

export interface SyncSources {
  readonly services: Entries<string, ClusterService>;
  readonly slices: Entries<string, ClusterEndpointSlice>;
}

/** One settle. */
export interface ServiceSync {
  readonly seconds: number;
  /** Of each change of endpoints that it wrote: since its cause, by the wall clocks of this node and of the controller. */
  readonly programmingSeconds: readonly number[];
}

/** Since the start of the agent. */
export interface ServiceSyncCounts {
  readonly serviceChanges: number;
  readonly endpointChanges: number;
  /** Seconds since 1970; 0: never. */
  readonly lastQueuedAt: number;
  /** Of the last settle after which nothing was left to do. */
  readonly lastSyncedAt: number;
}

export class ServiceSyncs {
  readonly #now: () => number;
  readonly #startedMs: number;
  readonly #services = new Bookmark<string, ClusterService>();
  readonly #slices = new Bookmark<string, ClusterEndpointSlice>();
  #counts: ServiceSyncCounts = {
    ...{ serviceChanges: 0, endpointChanges: 0 },
    ...{ lastQueuedAt: 0, lastSyncedAt: 0 },
  };
  #last: ServiceSync | undefined;

  /** `now`: the wall clock, in ms. */
  constructor(now: () => number = () => Date.now()) {
    this.#now = now;
    this.#startedMs = now();
  }

  get counts(): ServiceSyncCounts {
    return this.#counts;
  }

  queued(): void {
    this.#counts = { ...this.#counts, lastQueuedAt: this.#now() / 1000 };
  }

  /** `isComplete`: the kernel has everything. What is left counts with the settle that writes it. */
  settled(sources: SyncSources, seconds: number, isComplete: boolean): void {
    if (!isComplete) {
      this.#last = { seconds, programmingSeconds: [] };
      return;
    }
    const nowMs = this.#now();
    const services = this.#services.read(sources.services, nothing, ({ length }) => length);
    const causes = this.#slices.read(sources.slices, nothing, (changes) =>
      changes.map((change) => (change.kind === 'deleted' ? undefined : change.value.changedAt)),
    );
    const { serviceChanges, endpointChanges } = this.#counts;
    this.#counts = {
      ...this.#counts,
      serviceChanges: serviceChanges + services,
      endpointChanges: endpointChanges + causes.length,
      lastSyncedAt: nowMs / 1000,
    };
    const programmingSeconds = causes.flatMap((causedMs) =>
      // What was there before the agent had to wait for it.
      causedMs === undefined || causedMs < this.#startedMs
        ? []
        : [Math.max(0, nowMs - causedMs) / 1000],
    );
    this.#last = { seconds, programmingSeconds };
  }

  /** The last settle, once. */
  take(): ServiceSync | undefined {
    const last = this.#last;
    this.#last = undefined;
    return last;
  }
}

const nothing = (): readonly string[] => [];

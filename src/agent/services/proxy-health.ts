// Whether this node translates Services in time, by the rules of kube-proxy (KEP-3836): it does, unless an update waits
// too long. Pure: the caller passes every time.

import type { Moment } from '../../base/moment.ts';
import type { ClusterNode } from '../../cluster/objects.ts';

export interface ProxyHealthOptions {
  /** An update that has waited this long makes the node unhealthy. kube-proxy: twice the longest time between syncs. */
  readonly timeoutMs: number;
  /** Why some Services cannot be translated, e.g. a full table; undefined: all can. */
  problem?(): string | undefined;
}

/** State of a `ProxyHealth` as ages in ms, because the clocks of threads begin at different times. */
export interface ProxyAges {
  /** Since the last successful write. */
  readonly updatedMs?: number | undefined;
  /** Since the first change that waits. */
  readonly waitsMs?: number | undefined;
}

export class ProxyHealth {
  readonly #options: ProxyHealthOptions;
  #lastUpdated: Moment | undefined;
  #waitsSince: Moment | undefined;
  #lastQueued: Moment | undefined;

  constructor(options: ProxyHealthOptions) {
    this.#options = options;
  }

  /** Something that Services depend on has changed and is not yet in the kernel. */
  queued(at: Moment): void {
    this.#waitsSince ??= at;
    this.#lastQueued = at;
  }

  /** The kernel has everything that was queued before `began`; `at`: the end of that successful write. */
  updated(began: Moment, at: Moment): void {
    this.#lastUpdated = at;
    // What was queued during the write waits for the next one.
    const isLeft = this.#lastQueued !== undefined && this.#lastQueued > began;
    this.#waitsSince = isLeft ? began : undefined;
  }

  /** Whether a change waits. */
  get isWaiting(): boolean {
    return this.#waitsSince !== undefined;
  }

  ages(now: Moment): ProxyAges {
    const age = (at: Moment | undefined): number | undefined =>
      at === undefined ? undefined : now - at;
    return { updatedMs: age(this.#lastUpdated), waitsMs: age(this.#waitsSince) };
  }

  /** Takes over the state of another thread's object. */
  replace({ updatedMs, waitsMs }: ProxyAges, now: Moment): void {
    this.#lastUpdated = before(now, updatedMs);
    this.#waitsSince = before(now, waitsMs);
    this.#lastQueued = this.#waitsSince;
  }

  /** End of the last successful write; undefined before the first. */
  get lastUpdated(): Moment | undefined {
    return this.#lastUpdated;
  }

  isHealthy(now: Moment): boolean {
    return this.reason(now) === undefined;
  }

  /** Why the node is unhealthy; undefined: it is healthy. */
  reason(now: Moment): string | undefined {
    const { timeoutMs, problem } = this.#options;
    // Before the first write nothing is late: programs of an earlier agent may be translating already.
    if (this.#lastUpdated !== undefined && this.#waitsSince !== undefined) {
      const waitedMs = now - this.#waitsSince;
      if (waitedMs >= timeoutMs) {
        return `a change of Services has waited for ${Math.floor(waitedMs / 1000)} s`;
      }
    }
    return problem?.();
  }
}

function before(now: Moment, ageMs: number | undefined): Moment | undefined {
  return ageMs === undefined ? undefined : ((now - ageMs) as Moment);
}

/** A taint of the cluster autoscaler: the node is about to be removed. Its effect does not count. */
const removalTaint = 'ToBeDeletedByClusterAutoscaler';

/** Whether load balancers may send new connections to this node. `node`: undefined if its object does not exist. */
export function isEligibleNode(node: ClusterNode | undefined): boolean {
  if (node === undefined || node.isDeleting === true) return false;
  return node.taints?.every(({ key }) => key !== removalTaint) ?? true;
}

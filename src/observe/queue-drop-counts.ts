// Packets dropped by the queues of limited pods, as a counter of the node that only grows, although each queue's
// statistics are deleted with its pod.

import type { LocalEndpoint } from '../model/endpoint.ts';

export interface QueueDropSources {
  endpoints(): readonly LocalEndpoint[];
  /** Drops since the queue was created; undefined if there is no queue. */
  drops(endpoint: LocalEndpoint): number | undefined;
}

export class QueueDropCounts {
  readonly #sources: QueueDropSources;
  #last = new Map<LocalEndpoint, number>();
  #gone = 0;

  constructor(sources: QueueDropSources) {
    this.#sources = sources;
  }

  /**
   * Packets dropped for current pods and, as last read, for pods deleted since the agent's start. Reads once per
   * limited pod. Call it every few seconds, so that little is missed when a pod is deleted.
   */
  total(): number {
    const now = new Map<LocalEndpoint, number>();
    for (const endpoint of this.#sources.endpoints()) {
      const drops = this.#sources.drops(endpoint);
      if (drops !== undefined) now.set(endpoint, drops);
    }
    for (const [endpoint, before] of this.#last) {
      // A lower value means that another process has recreated the queue.
      if ((now.get(endpoint) ?? 0) < before) this.#gone += before;
    }
    this.#last = now;
    return [...now.values()].reduce((sum, drops) => sum + drops, this.#gone);
  }
}

// What the queues of limited pods dropped: a counter of the node that only grows, although each queue's own statistics go
// with its pod.

import type { LocalEndpoint } from '../model/endpoint.ts';

export interface QueueDropSources {
  endpoints(): readonly LocalEndpoint[];
  /** Since its queue was made; undefined where it has none (any more). */
  drops(endpoint: LocalEndpoint): number | undefined;
}

export class QueueDropCounts {
  readonly #sources: QueueDropSources;
  #last = new Map<LocalEndpoint, number>();
  #gone = 0;

  constructor(sources: QueueDropSources) {
    this.#sources = sources;
  }

  /** Packets: of the pods that are here, and of those that have gone since the agent's start as they were last seen. Asks the kernel once a limited
   * pod; call it every few seconds, so that little is missed of a pod that goes. */
  total(): number {
    const now = new Map<LocalEndpoint, number>();
    for (const endpoint of this.#sources.endpoints()) {
      const drops = this.#sources.drops(endpoint);
      if (drops !== undefined) now.set(endpoint, drops);
    }
    for (const [endpoint, before] of this.#last) {
      // Less than before: somebody made the queue anew.
      if ((now.get(endpoint) ?? 0) < before) this.#gone += before;
    }
    this.#last = now;
    return [...now.values()].reduce((sum, drops) => sum + drops, this.#gone);
  }
}

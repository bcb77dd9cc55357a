// The source of cluster state: a directory of manifests (cluster/manifests/source.ts) or an API server
// (kubernetes/kubernetes-source.ts).

import type { ClusterSnapshot } from './state.ts';

export interface ClusterSource {
  /** Name for users: `directory examples/demo`. */
  readonly name: string;
  /**
   * Yields complete snapshots, level-triggered: the first immediately, then one after each change. Changes that a slow
   * reader missed are part of the next snapshot. Ends when `signal` aborts. Does not throw for invalid or unreachable
   * input: the last good state stays, and `problems` has the reason.
   */
  watch(signal: AbortSignal): AsyncIterable<ClusterSnapshot>;
  /**
   * Reads everything again, and resolves when the result has been delivered. True: an object that is not in it does not
   * exist. Absent if the source cannot guarantee this.
   */
  reread?(): Promise<boolean>;
}

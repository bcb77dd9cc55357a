// Where cluster state comes from: a directory of manifests (cluster/manifests/source.ts) or an API server
// (kubernetes/kubernetes-source.ts).

import type { ClusterSnapshot } from './state.ts';

export interface ClusterSource {
  /** For people: `directory examples/demo`. */
  readonly name: string;
  /**
   * Whole snapshots, level-triggered: the first at once, then one after each change; changes that a slow reader missed
   * are folded into the next. Ends when `signal` aborts. It does not throw for bad or unreachable input: it keeps the
   * last good state and says so in `problems`.
   */
  watch(signal: AbortSignal): AsyncIterable<ClusterSnapshot>;
  /**
   * Reads everything again, and resolves when whoever watches has taken what was found. True: what is not in it does not
   * exist. Absent where that cannot be said at any moment.
   */
  reread?(): Promise<boolean>;
}

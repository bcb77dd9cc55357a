// The cluster's facts about a pod during its ADD: a runtime is often faster than the cluster's notification. An unknown
// pod is not one without annotations: its ADD waits for a moment, and is refused for now if the notification does not
// arrive.

import { setTimeout } from 'node:timers/promises';
import { namespacedName } from '../base/namespaced-name.ts';
import type { ClusterPod } from '../cluster/objects.ts';
import type { PodIdentity } from '../cni/pod-identity.ts';

export interface KnownPodsOptions {
  /** Current pods by `namespace/name`. */
  pods(): ReadonlyMap<string, Pick<ClusterPod, 'uid' | 'annotations'>>;
  /** See `ClusterSource.reread`. */
  readonly reread?: (() => Promise<boolean>) | undefined;
  /** Requests one pod from the cluster, whatever the result. */
  readonly look?: ((pod: PodIdentity) => Promise<void>) | undefined;
  /** Default 1,000. */
  readonly patienceMs?: number | undefined;
}

export type Annotations = Readonly<Record<string, string>>;

const none: Annotations = {};

export class KnownPods {
  readonly #options: KnownPodsOptions;
  readonly #waiting = new Set<() => void>();

  constructor(options: KnownPodsOptions) {
    this.#options = options;
  }

  /** Call this after each change of `pods`. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Waits for an unknown pod. Undefined: the cluster has not reported it in time. */
  async annotations(pod: PodIdentity): Promise<Annotations | undefined> {
    const known = this.#find(pod);
    if (known !== undefined) return known;
    const { reread, look, patienceMs = 1000 } = this.#options;
    const over = new AbortController();
    // Most pods are reported without a request, only later than their ADD.
    const looking = globalThis.setTimeout(() => {
      look?.(pod).catch(() => undefined);
    }, patienceMs / 2);
    const late = setTimeout(patienceMs, undefined, { signal: over.signal });
    try {
      const news = reread === undefined ? this.#appears(pod, over.signal) : reread();
      const isSaid = await Promise.race([news, late.then(() => false)]);
      return this.#find(pod) ?? (isSaid ? none : undefined);
    } finally {
      clearTimeout(looking);
      over.abort();
      late.catch(() => undefined);
    }
  }

  #appears(pod: PodIdentity, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const look = (): void => {
        if (this.#find(pod) !== undefined) resolve(true);
      };
      this.#waiting.add(look);
      signal.addEventListener('abort', () => this.#waiting.delete(look));
    });
  }

  // A pod with the same name and another uid is an earlier one. A pod from a kubelet's file has a uid of its own, which
  // its mirror object in the API server has as an annotation.
  #find({ namespace, name, uid }: PodIdentity): Annotations | undefined {
    const found = this.#options.pods().get(namespacedName({ namespace, name }));
    if (found === undefined) return undefined;
    const isSame =
      uid === undefined ||
      found.uid === undefined ||
      found.uid === uid ||
      found.annotations['kubernetes.io/config.hash'] === uid;
    return isSame ? found.annotations : undefined;
  }
}

// What the cluster says of a pod whose ADD is here: a runtime is often quicker than the news of its pod. A pod that is not
// known is not one without annotations: its ADD waits for a moment, and is refused for now if the news does not come.

import { setTimeout } from 'node:timers/promises';
import type { ClusterPod } from '../cluster/objects.ts';
import type { PodIdentity } from '../cni/pod-identity.ts';

export interface KnownPodsOptions {
  /** By `namespace/name`, as of now. */
  pods(): ReadonlyMap<string, Pick<ClusterPod, 'uid' | 'annotations'>>;
  /** See `ClusterSource.reread`. */
  readonly reread?: (() => Promise<boolean>) | undefined;
  /** Has the cluster asked for one pod, whatever comes of it. */
  readonly look?: ((pod: PodIdentity) => Promise<void>) | undefined;
  /** 1,000 unless given. */
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

  /** To be called after each change of `pods`. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /** Waits for what is not known yet. Undefined: the cluster has not said anything of it in time. */
  async annotations(pod: PodIdentity): Promise<Annotations | undefined> {
    const known = this.#find(pod);
    if (known !== undefined) return known;
    const { reread, look, patienceMs = 1000 } = this.#options;
    const over = new AbortController();
    // The news of most pods comes by itself, only later than their ADD.
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

  // One of the same name and another uid is an earlier pod. What the kubelet runs from a file has a uid of its own, which the
  // object that stands for it in the API server carries as an annotation.
  #find({ namespace, name, uid }: PodIdentity): Annotations | undefined {
    const found = this.#options.pods().get(`${namespace}/${name}`);
    if (found === undefined) return undefined;
    const isSame =
      uid === undefined ||
      found.uid === undefined ||
      found.uid === uid ||
      found.annotations['kubernetes.io/config.hash'] === uid;
    return isSame ? found.annotations : undefined;
  }
}

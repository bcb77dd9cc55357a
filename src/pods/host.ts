// What adding and deleting pods needs from the rest of the agent.

import type { PodIdentity } from '../cni/pod-identity.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Annotations } from './known-pods.ts';

/** The agent's facts and operations for pods. */
export interface PodHost {
  /** Current pod ranges of this node; none before its Node object was read. */
  podRanges(): readonly Prefix[];
  /** Annotations of the cluster's Pod object. Undefined: the pod is still unknown after a wait. */
  podAnnotations(pod: PodIdentity): Annotations | undefined | Promise<Annotations | undefined>;
  /** Why no pod can be added yet, whatever it requests. */
  waitingFor?(): string | undefined;
  /** For new pods; undefined while the path to other nodes is not known. */
  podMtuBytes(): number | undefined;
  /**
   * Brings the data path in line with `endpoints()`. Resolves when every table entry of this endpoint is applied (or
   * deleted, if `isServed` is false); rejects with the failures.
   */
  settle(endpoint: LocalEndpoint, isServed: boolean): Promise<void>;
  /** Lists, one sentence each, how the kernel's state for this endpoint differs from what `settle` applied. */
  differences(endpoint: LocalEndpoint): readonly string[];
  /** Why existing pods may lack full connectivity. */
  limits(): readonly string[];
}

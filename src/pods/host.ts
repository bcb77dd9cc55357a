// What pods joining and leaving need of the rest of the agent.

import type { PodIdentity } from '../cni/pod-identity.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Prefix } from '../net/prefix.ts';
import type { Annotations } from './known-pods.ts';

/** What the agent knows and does for pods. */
export interface PodHost {
  /** The pod ranges of this node at this moment; none before its Node object was read. */
  podRanges(): readonly Prefix[];
  /** Of the cluster's Pod object. Undefined: nothing is known of that pod, also after a wait. */
  podAnnotations(pod: PodIdentity): Annotations | undefined | Promise<Annotations | undefined>;
  /** Why no pod can be added yet, whatever it asks for. */
  waitingFor?(): string | undefined;
  /** For new pods; undefined while the way to other nodes is not known. */
  podMtuBytes(): number | undefined;
  /** Brings the data path in line with `endpoints()`; resolves when every table entry of this endpoint is applied (or
   * gone, where `isServed` is false), rejects with what could not be. */
  settle(endpoint: LocalEndpoint, isServed: boolean): Promise<void>;
  /** What of this endpoint the data path has other than `settle` left it, a sentence each; asks the kernel. */
  differences(endpoint: LocalEndpoint): readonly string[];
  /** Why pods that exist may not reach everything, in words. */
  limits(): readonly string[];
}

// What a reflector must be told.

import type { ApiClient } from './client/api-client.ts';
import type { ApiTimes } from './client/api-times.ts';
import type { ObjectStore } from './object-store.ts';

export interface ReflectorOptions {
  readonly client: Pick<ApiClient, 'answer' | 'avoid' | 'open' | 'onRecovered'>;
  /** As in a ClusterRole: `pods`. */
  readonly resource: string;
  /** Of its objects: `Pod`. */
  readonly kind: string;
  readonly path: string;
  readonly selectors: Readonly<Record<string, string>>;
  readonly store: Pick<
    ObjectStore<object>,
    'set' | 'delete' | 'has' | 'replace' | 'size' | 'told' | 'contradictionOf'
  >;
  /** The name of an object that a list must have to be believed at once: our own Node. */
  readonly expected?: string | undefined;
  /** How many other nodes the kernel has routes to from before: a first list of fewer Nodes is doubted. */
  readonly held?: (() => number) | undefined;
  /** Whether the kernel could have routes to such a Node; absent: to any. */
  readonly canHold?: ((node: object) => boolean) | undefined;
  /** For a resource that the cluster need not have: how long to wait before looking for it again. */
  readonly absentRetryMs?: number | undefined;
  /** Told when the first list is in, when it begins to fail and when it is well again. */
  onChange(): void;
  /** Addresses of servers that are known to send bookmarks; added to. */
  readonly bookmarking?: Set<string>;
  readonly random?: () => number;
  readonly times?: ApiTimes;
}

// Options of a reflector.

import type { ApiClient } from './client/api-client.ts';
import type { ApiTimes } from './client/api-times.ts';
import type { ObjectStore } from './object-store.ts';

export interface ReflectorOptions {
  readonly client: Pick<ApiClient, 'answer' | 'avoid' | 'open' | 'onRecovered'>;
  /** As in a ClusterRole: `pods`. */
  readonly resource: string;
  /** Kind of the objects: `Pod`. */
  readonly kind: string;
  readonly path: string;
  readonly selectors: Readonly<Record<string, string>>;
  readonly store: Pick<
    ObjectStore<object>,
    'set' | 'delete' | 'has' | 'replace' | 'size' | 'told' | 'contradictionOf'
  >;
  /** Name of an object that a list must contain to be accepted immediately: this node's Node. */
  readonly expected?: string | undefined;
  /** Number of other nodes to which the kernel already has routes. A first list with fewer Nodes is doubted. */
  readonly held?: (() => number) | undefined;
  /** Whether the kernel could have routes to such a Node; absent: to any. */
  readonly canHold?: ((node: object) => boolean) | undefined;
  /** For an optional resource: interval of checks for it. */
  readonly absentRetryMs?: number | undefined;
  /** Called when the first list is complete, when reading begins to fail, and when it works again. */
  onChange(): void;
  /** Addresses of servers known to send bookmarks. The reflector adds to it. */
  readonly bookmarking?: Set<string>;
  readonly random?: () => number;
  readonly times?: ApiTimes;
}

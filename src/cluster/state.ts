// Everything the cluster has told us, as one immutable value. Unchanged objects and unchanged collections stay the
// same references from one snapshot to the next, so that functions memoised on them compute nothing twice.

import type {
  ClusterEndpointSlice,
  ClusterNamespace,
  ClusterNetworkPolicy,
  ClusterNode,
  ClusterPod,
  ClusterService,
} from './objects.ts';

/** Nodes and namespaces by name, the others by `namespace/name`. */
export interface ClusterState {
  readonly nodes: ReadonlyMap<string, ClusterNode>;
  readonly namespaces: ReadonlyMap<string, ClusterNamespace>;
  readonly pods: ReadonlyMap<string, ClusterPod>;
  readonly services: ReadonlyMap<string, ClusterService>;
  readonly endpointSlices: ReadonlyMap<string, ClusterEndpointSlice>;
  readonly networkPolicies: ReadonlyMap<string, ClusterNetworkPolicy>;
}

/** Something in the source that could not be used, in words for its author. */
export interface SourceProblem {
  /** What was wrong, where, with which value: `demo/policies.yaml, document 3: NetworkPolicy shop/db: spec...: 70000 is not a port`. */
  readonly text: string;
  /** What holds meanwhile: `the last good version of this object stays in force`. */
  readonly consequence: string;
  /** Set where it is the source as a whole that cannot be read, and not one object in it. */
  readonly isSource?: true | undefined;
  /** How many it stands for, where they are too many to be told one by one. */
  readonly count?: number | undefined;
}

export interface ClusterSnapshot {
  readonly state: ClusterState;
  readonly problems: readonly SourceProblem[];
  /**
   * True once everything the source holds has been read at least once: only then does an absent object mean a deleted
   * one, and may the reconciler prune what it finds. Not a condition for being ready.
   */
  readonly complete: boolean;
}

export const emptyClusterState: ClusterState = {
  nodes: new Map(),
  namespaces: new Map(),
  pods: new Map(),
  services: new Map(),
  endpointSlices: new Map(),
  networkPolicies: new Map(),
};

/** `previous` itself if `next` has the same collections: then nothing changed. */
export function keepState(next: ClusterState, previous: ClusterState): ClusterState {
  const kinds = Object.keys(next) as (keyof ClusterState)[];
  return kinds.every((kind) => next[kind] === previous[kind]) ? previous : next;
}

// The complete known state of the cluster as one immutable value. Unchanged objects and collections stay the same
// references from one snapshot to the next, so that memoized functions of them are not computed again.

import type {
  ClusterEndpointSlice,
  ClusterNamespace,
  ClusterNetworkPolicy,
  ClusterNode,
  ClusterPod,
  ClusterService,
} from './objects.ts';

/** Nodes and namespaces by name, other objects by `namespace/name`. */
export interface ClusterState {
  readonly nodes: ReadonlyMap<string, ClusterNode>;
  readonly namespaces: ReadonlyMap<string, ClusterNamespace>;
  readonly pods: ReadonlyMap<string, ClusterPod>;
  readonly services: ReadonlyMap<string, ClusterService>;
  readonly endpointSlices: ReadonlyMap<string, ClusterEndpointSlice>;
  readonly networkPolicies: ReadonlyMap<string, ClusterNetworkPolicy>;
}

/** Unusable input of a source, described for its author. */
export interface SourceProblem {
  /** The object that it concerns: `Node node-3`, a file, a directory, `API server`. */
  readonly subject: string;
  /**
   * What is wrong, where, with which value: `demo/policies.yaml, document 3: NetworkPolicy shop/db: spec...: 70000 is
   * not a port`.
   */
  readonly text: string;
  /** What applies meanwhile: `the last good version of this object stays in force`. */
  readonly consequence: string;
  /** Set if the source as a whole cannot be read, not only one object. */
  readonly isSource?: true | undefined;
  /** Number of problems that this one stands for, if they are too many to list. */
  readonly count?: number | undefined;
}

export interface ClusterSnapshot {
  readonly state: ClusterState;
  readonly problems: readonly SourceProblem[];
  /**
   * True once everything in the source has been read at least once. Only then does an absent object mean a deleted one,
   * and the reconciler may prune. It is not a condition for readiness.
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

/** Returns `previous` if `next` has the same collections, that is, nothing changed. */
export function keepState(next: ClusterState, previous: ClusterState): ClusterState {
  const kinds = Object.keys(next) as (keyof ClusterState)[];
  return kinds.every((kind) => next[kind] === previous[kind]) ? previous : next;
}

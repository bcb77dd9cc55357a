// Converts objects into a ClusterState and keeps every reference that did not change: objects, maps, and the state
// itself.

import type { ClusterObject } from './parse-object.ts';
import { type ClusterState, keepState } from './state.ts';

/** Keys must be unique within a kind; otherwise the last one wins. */
export function foldObjects(
  objects: Iterable<ClusterObject>,
  previous: ClusterState,
): ClusterState {
  const next = collect(objects);
  const state: ClusterState = {
    nodes: reuse(previous.nodes, next.nodes),
    namespaces: reuse(previous.namespaces, next.namespaces),
    pods: reuse(previous.pods, next.pods),
    services: reuse(previous.services, next.services),
    endpointSlices: reuse(previous.endpointSlices, next.endpointSlices),
    networkPolicies: reuse(previous.networkPolicies, next.networkPolicies),
  };
  return keepState(state, previous);
}

type Collected = { [Kind in keyof ClusterState]: Map<string, MapValue<ClusterState[Kind]>> };
type MapValue<M> = M extends ReadonlyMap<string, infer V> ? V : never;

function collect(objects: Iterable<ClusterObject>): Collected {
  const maps: Collected = {
    nodes: new Map(),
    namespaces: new Map(),
    pods: new Map(),
    services: new Map(),
    endpointSlices: new Map(),
    networkPolicies: new Map(),
  };
  for (const { kind, key, object } of objects) {
    switch (kind) {
      case 'Node':
        maps.nodes.set(key, object);
        break;
      case 'Namespace':
        maps.namespaces.set(key, object);
        break;
      case 'Pod':
        maps.pods.set(key, object);
        break;
      case 'Service':
        maps.services.set(key, object);
        break;
      case 'EndpointSlice':
        maps.endpointSlices.set(key, object);
        break;
      case 'NetworkPolicy':
        maps.networkPolicies.set(key, object);
        break;
    }
  }
  return maps;
}

function reuse<V>(
  previous: ReadonlyMap<string, V>,
  next: ReadonlyMap<string, V>,
): ReadonlyMap<string, V> {
  if (previous.size !== next.size) return next;
  for (const [key, value] of next) if (previous.get(key) !== value) return next;
  return previous;
}

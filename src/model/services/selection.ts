// The rules by which Kubernetes selects among a Service's backends.

import type { SliceEndpoint } from '../../cluster/objects.ts';
import { type Backend, type BackendState, stateOf } from './backends.ts';

/** This node, as far as the selection depends on it. */
export interface Place {
  readonly node: string;
  /** Absent: the Node has no zone, so hints for zones do not apply. */
  readonly zone?: string | undefined;
}

export type SelectionRule =
  /** Every ready backend. */
  | 'all'
  /** Those whose hints name this node, or its zone. */
  | 'node-hint'
  | 'zone-hint'
  /** No backend is ready: those that shut down but still serve. */
  | 'serving'
  /** Traffic policy Local: ready backends on this node, or without any, those that still serve. */
  | 'local'
  | 'local-serving';

/** What clients get: one of the backends; without any, an error at once or no answer. */
export type BackendSelection =
  | {
      readonly kind: 'backends';
      readonly rule: SelectionRule;
      readonly backends: readonly Backend[];
    }
  | { readonly kind: 'refuse' | 'drop' };

const refuse: BackendSelection = { kind: 'refuse' };
const drop: BackendSelection = { kind: 'drop' };

/** Traffic policy Cluster. */
export function selectInCluster(backends: readonly Backend[], place: Place): BackendSelection {
  const ready = inState(backends, 'ready');
  if (ready.length > 0) return byHints(ready, place);
  const serving = inState(backends, 'serving');
  return serving.length > 0 ? selected('serving', serving) : refuse;
}

/**
 * Traffic policy Local. With backends on other nodes only, packets are dropped instead of refused: a client that was
 * sent to the wrong node should try another one.
 */
export function selectLocal(backends: readonly Backend[]): BackendSelection {
  const local = backends.filter(({ isLocal }) => isLocal);
  const ready = inState(local, 'ready');
  if (ready.length > 0) return selected('local', ready);
  const serving = inState(local, 'serving');
  if (serving.length > 0) return selected('local-serving', serving);
  return backends.some(({ endpoint }) => stateOf(endpoint) !== 'out') ? drop : refuse;
}

// Hints count only if every ready backend has one and one of them is for this place. Otherwise a controller has not
// finished, or would send everything nowhere.
function byHints(ready: readonly Backend[], { node, zone }: Place): BackendSelection {
  const atNode = hintedAt(ready, node, ({ forNodes }) => forNodes);
  if (atNode.length > 0) return selected('node-hint', atNode);
  const inZone = hintedAt(ready, zone, ({ forZones }) => forZones);
  if (inZone.length > 0) return selected('zone-hint', inZone);
  return selected('all', ready);
}

function hintedAt(
  ready: readonly Backend[],
  place: string | undefined,
  hintsOf: (endpoint: SliceEndpoint) => readonly string[] | undefined,
): readonly Backend[] {
  if (place === undefined) return [];
  const isHinted = ready.every(({ endpoint }) => hintsOf(endpoint) !== undefined);
  return isHinted ? ready.filter(({ endpoint }) => hintsOf(endpoint)?.includes(place)) : [];
}

function inState(backends: readonly Backend[], state: BackendState): readonly Backend[] {
  const isIn = ({ endpoint }: Backend): boolean => stateOf(endpoint) === state;
  // Most Services need no second list.
  return backends.every(isIn) ? backends : backends.filter(isIn);
}

function selected(rule: SelectionRule, backends: readonly Backend[]): BackendSelection {
  return { kind: 'backends', rule, backends };
}

// Assigns pods to nodes (pure): by the manifest, else where the pod already runs, else to the node with the fewest
// pods. Pods are assigned in order of their names, so the same manifests always give the same result.

import type { LabPodSpec, PodKey } from './manifests.ts';

export interface Placement {
  readonly nodes: ReadonlyMap<PodKey, string>;
  /** Pods whose spec.nodeName is not a node of the lab. */
  readonly problems: readonly string[];
}

export function placePods(
  pods: readonly LabPodSpec[],
  nodes: readonly string[],
  previous: ReadonlyMap<PodKey, string> = new Map(),
): Placement {
  const placed = new Map<PodKey, string>();
  const problems: string[] = [];
  const sorted = [...pods].sort((left, right) => (left.key < right.key ? -1 : 1));
  for (const pod of sorted) {
    if (pod.node === undefined) {
      const before = previous.get(pod.key);
      if (before !== undefined && nodes.includes(before)) placed.set(pod.key, before);
    } else if (nodes.includes(pod.node)) {
      placed.set(pod.key, pod.node);
    } else {
      problems.push(`Pod ${pod.key}: spec.nodeName: ${pod.node} is not a node of this lab`);
    }
  }
  for (const pod of sorted) {
    if (pod.node !== undefined || placed.has(pod.key)) continue;
    const node = leastUsed(nodes, placed);
    if (node !== undefined) placed.set(pod.key, node);
  }
  return { nodes: placed, problems };
}

function leastUsed(
  nodes: readonly string[],
  placed: ReadonlyMap<PodKey, string>,
): string | undefined {
  const used = new Map(nodes.map((node) => [node, 0]));
  for (const node of placed.values()) used.set(node, (used.get(node) ?? 0) + 1);
  return [...used].sort((left, right) => left[1] - right[1])[0]?.[0];
}

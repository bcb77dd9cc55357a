// The pods that a lab should have now (pure): those of all readable manifests, and the previous ones of unreadable
// manifests, so that a typing error in a file never removes a running pod.

import type { LabManifestFile, LabPodSpec, PodKey } from './manifests.ts';
import { placePods } from './placement.ts';

export interface DesiredPod {
  readonly spec: LabPodSpec;
  readonly node: string;
}

export interface DesiredPods {
  readonly pods: ReadonlyMap<PodKey, DesiredPod>;
  readonly problems: readonly string[];
}

export function desiredPods(
  files: readonly LabManifestFile[],
  nodes: readonly string[],
  current: readonly DesiredPod[],
): DesiredPods {
  const problems = files.flatMap((file) => file.problems);
  const specs = new Map<PodKey, LabPodSpec>();
  for (const file of files) {
    for (const spec of file.pods) {
      if (specs.has(spec.key))
        problems.push(`${file.name}: Pod ${spec.key} is defined more than once`);
      else specs.set(spec.key, spec);
    }
  }
  for (const { spec } of current) {
    const isHeld = files.some((file) => file.problems.length > 0 && file.name === spec.file);
    if (isHeld && !specs.has(spec.key)) specs.set(spec.key, spec);
  }
  const previous = new Map(current.map(({ spec, node }) => [spec.key, node]));
  const placement = placePods([...specs.values()], nodes, previous);
  const pods = new Map<PodKey, DesiredPod>();
  for (const [key, node] of placement.nodes) {
    const spec = specs.get(key);
    if (spec !== undefined) pods.set(key, { spec, node });
  }
  return { pods, problems: [...problems, ...placement.problems] };
}

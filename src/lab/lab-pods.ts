// All pods of a lab: creates, replaces and removes them to match the manifests.

import { join } from 'node:path';
import { namespacedName } from '../base/namespaced-name.ts';
import type { PodFacts } from './cluster-files.ts';
import type { DesiredPod } from './desired-pods.ts';
import { LabPod } from './lab-pod.ts';
import type { PodKey } from './manifests.ts';
import { type LabPaths, labNamespacePath } from './paths.ts';
import type { LabNodeRecord, PodRecord } from './record.ts';

export interface LabPodsOptions {
  readonly paths: LabPaths;
  readonly nodes: readonly Omit<LabNodeRecord, 'agent'>[];
  readonly onChange: () => void;
  readonly onNote: (text: string) => void;
}

export class LabPods {
  readonly #options: LabPodsOptions;
  readonly #pods = new Map<PodKey, LabPod>();

  constructor(options: LabPodsOptions) {
    this.#options = options;
  }

  /** The running pods, in the form of the desired ones. */
  current(): readonly DesiredPod[] {
    return [...this.#pods.values()].map(({ spec, node }) => ({ spec, node }));
  }

  records(): readonly PodRecord[] {
    const records = [...this.#pods.values()].map((pod) => pod.record());
    return records.sort((left, right) => (namespacedName(left) < namespacedName(right) ? -1 : 1));
  }

  /** Facts about each pod for the manifests that agents read. */
  facts(): ReadonlyMap<PodKey, PodFacts> {
    const nodes = new Map(this.#options.nodes.map((node) => [node.name, node]));
    const facts = [...this.#pods].map(([key, { uid, node, addresses }]): [PodKey, PodFacts] => {
      return [key, { uid, node, nodeAddress: nodes.get(node)?.addresses[0], addresses }];
    });
    return new Map(facts);
  }

  /** Resolves when unwanted pods are removed and new pods are starting (see `started`). */
  async settle(desired: ReadonlyMap<PodKey, DesiredPod>): Promise<void> {
    const gone = [...this.#pods].filter(([key, pod]) => !isSame(desired.get(key), pod));
    await Promise.all(
      gone.map(async ([key, pod]) => {
        await pod.remove();
        this.#pods.delete(key);
      }),
    );
    for (const pod of desired.values()) {
      if (!this.#pods.has(pod.spec.key)) this.#pods.set(pod.spec.key, this.#make(pod));
    }
    this.#options.onChange();
  }

  /** Resolves when every pod runs. A pod that cannot be started is reported as a note. */
  async started(): Promise<void> {
    await Promise.all([...this.#pods.values()].map((pod) => pod.started));
  }

  /** For the end of the whole lab: stops retrying. Resolves when no task is running. */
  async abandon(): Promise<void> {
    for (const pod of this.#pods.values()) pod.abandon();
    await this.started();
  }

  #make({ spec, node: nodeName }: DesiredPod): LabPod {
    const { paths, nodes, onChange, onNote } = this.#options;
    const node = nodes.find(({ name }) => name === nodeName);
    if (node === undefined) {
      throw new Error(`pod ${spec.key} was placed on ${nodeName}, which does not exist`);
    }
    const file = spec.key.replace('/', '_');
    return new LabPod({
      spec,
      node,
      namespacePath: spec.hostNetwork
        ? node.namespacePath
        : labNamespacePath(paths, 'pod', spec.key),
      cgroup: join(node.cgroup, 'pods', file),
      log: join(paths.directory, 'pods', `${file}.log`),
      onChange,
      onNote,
    });
  }
}

function isSame(desired: DesiredPod | undefined, pod: LabPod): boolean {
  if (desired === undefined || desired.node !== pod.node) return false;
  return JSON.stringify(desired.spec) === JSON.stringify(pod.spec);
}

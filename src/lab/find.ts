// Resolves words of a command line to a place in a lab.

import { InputError } from '../base/input-error.ts';
import { namespacedName } from '../base/namespaced-name.ts';
import type { LabRecord, PodRecord } from './record.ts';
import type { LabPlace } from './spawn.ts';

/** Accepts `namespace/name`, or a name if it is unique. Throws InputError with the existing pods. */
export function findPod(record: LabRecord, text: string): PodRecord {
  const matches = record.pods.filter((pod) =>
    text.includes('/') ? namespacedName(pod) === text : pod.name === text,
  );
  const [pod] = matches;
  if (pod !== undefined && matches.length === 1) return pod;
  const known = record.pods.map(namespacedName).join(', ');
  const rule = pod === undefined ? 'is not a pod of lab' : 'matches more than one pod of lab';
  throw new InputError({ object: 'pod', value: text, rule: `${rule} ${record.name} (${known})` });
}

/** Accepts a node, `world` or `switch`. In a node, `heddle` finds that node's agent by the environment. */
export function findPlace(
  record: LabRecord,
  text: string,
): { readonly place: LabPlace; readonly environment: Readonly<Record<string, string>> } {
  if (text === 'world') return { place: record.world, environment: {} };
  if (text === 'switch') {
    const place = { namespacePath: record.switchNamespace, cgroup: record.world.cgroup };
    return { place, environment: {} };
  }
  const node = record.nodes.find(({ name }) => name === text);
  if (node !== undefined) return { place: node, environment: { HEDDLE_SOCKET: node.socket } };
  const known = [...record.nodes.map(({ name }) => name), 'world', 'switch'].join(', ');
  throw new InputError({
    object: 'node',
    value: text,
    rule: `is not in lab ${record.name} (${known})`,
  });
}

// Facts on which the agents of all nodes must agree. Each agent publishes them as annotations of its own Node.
// Addresses and pod ranges are standard fields of the Node. The tunnel's MAC is the same on every node.

import type { Entries } from '../../base/collections/collection.ts';
import { mapEach } from '../../base/collections/derived.ts';
import { fieldLength, printable } from '../../base/printable.ts';
import type { ClusterNode } from '../../cluster/objects.ts';
import type { ModelConfig, ModelProblem } from '../desired.ts';

const prefix = 'node.heddle.dev/';

/** As annotations: `node.heddle.dev/mode: vxlan`. */
export function ownFacts({ mode, vxlan }: ModelConfig): Readonly<Record<string, string>> {
  const facts: Record<string, string> = { [`${prefix}mode`]: mode };
  if (mode !== 'vxlan') return facts;
  facts[`${prefix}vxlan-vni`] = String(vxlan.vni);
  facts[`${prefix}vxlan-port`] = String(vxlan.port);
  return facts;
}

/** Other nodes whose agents say something else, by node. A node that says nothing (no agent yet) agrees. */
export function peerConflicts(
  config: ModelConfig,
  nodes: Entries<string, ClusterNode>,
): Entries<string, ModelProblem> {
  const own = ownFacts(config);
  return mapEach(
    nodes,
    (node, key): readonly (readonly [string, ModelProblem])[] => {
      const conflict = node.name === config.nodeName ? undefined : conflictOf(node, own);
      return conflict === undefined ? [] : [[key, conflict]];
    },
    { equal: (left, right) => left.object === right.object && left.text === right.text },
  );
}

// Whether an agent could have written the value.
function isKnown(what: string, value: string): boolean {
  if (what === 'mode') return value === 'native' || value === 'vxlan';
  const most = what === 'vxlan-port' ? 65_535 : 16_777_215;
  return /^[1-9]\d{0,7}$/.test(value) && Number(value) <= most;
}

function conflictOf(
  { name, annotations }: ClusterNode,
  own: Readonly<Record<string, string>>,
): ModelProblem | undefined {
  for (const [key, value] of Object.entries(own)) {
    const theirs = annotations[key];
    if (theirs === undefined || theirs === value) continue;
    const what = key.slice(prefix.length);
    // Anyone who may write the Node can write any value.
    if (!isKnown(what, theirs)) {
      const text = `metadata.annotations: ${key}: ${printable(theirs, fieldLength)} is not a valid ${what}: it is ignored`;
      return { object: name, text, alike: `metadata.annotations: ${key}: no ${what}` };
    }
    const text = `its agent has ${what} ${theirs}, this one ${value}: their pods do not reach each other until the configurations agree`;
    return { object: name, text, alike: `its agent has another ${what}` };
  }
  return undefined;
}

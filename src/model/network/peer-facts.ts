// Facts on which the agents of all nodes must agree. Each agent publishes them as annotations of its own Node.
// Addresses and pod ranges are standard fields of the Node. The tunnel's MAC is the same on every node.

import { memoize } from '../../base/memoize.ts';
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

/** Other nodes whose agents publish different facts. A node without facts (no agent yet) agrees. */
export const peerConflicts: (
  config: ModelConfig,
) => (nodes: ReadonlyMap<string, ClusterNode>) => readonly ModelProblem[] = memoize((config) => {
  const own = ownFacts(config);
  return memoize((nodes) =>
    [...nodes.values()].flatMap((node) =>
      node.name === config.nodeName ? [] : conflictOf(node, own),
    ),
  );
});

// Whether an agent could have written the value.
function isKnown(what: string, value: string): boolean {
  if (what === 'mode') return value === 'native' || value === 'vxlan';
  const most = what === 'vxlan-port' ? 65_535 : 16_777_215;
  return /^[1-9]\d{0,7}$/.test(value) && Number(value) <= most;
}

function conflictOf(
  { name, annotations }: ClusterNode,
  own: Readonly<Record<string, string>>,
): readonly ModelProblem[] {
  for (const [key, value] of Object.entries(own)) {
    const theirs = annotations[key];
    if (theirs === undefined || theirs === value) continue;
    const what = key.slice(prefix.length);
    // Anyone who may write the Node can write any value.
    if (!isKnown(what, theirs)) {
      const text = `metadata.annotations: ${key}: ${printable(theirs, fieldLength)} is not a valid ${what}: it is ignored`;
      return [{ object: name, text, alike: `metadata.annotations: ${key}: no ${what}` }];
    }
    const text = `its agent has ${what} ${theirs}, this one ${value}: their pods do not reach each other until the configurations agree`;
    return [{ object: name, text, alike: `its agent has another ${what}` }];
  }
  return [];
}

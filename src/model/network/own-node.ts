// This node's Node object: its pod ranges, and what is missing before pods can start here.

import { addressAt } from '../../net/prefix.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { ModelProblem, PodRange } from '../desired.ts';
import type { RangeOwners } from './pod-ranges.ts';

export interface OwnNode {
  /** Absent until the cluster has a Node object with this name. */
  readonly node?: CheckedNode | undefined;
  readonly podRanges: readonly PodRange[];
  readonly problems: readonly ModelProblem[];
}

export function ownNode(name: string, { nodes }: RangeOwners): OwnNode {
  const node = nodes.find((candidate) => candidate.name === name);
  if (node === undefined) {
    return without({
      node,
      object: name,
      text: 'no Node object has this name: no pod can start here',
    });
  }
  // Each refused range already has its own problem.
  if (node.lostRanges) return { node, podRanges: [], problems: [] };
  if (node.podCidrs.length === 0) {
    const text = 'has no pod ranges (spec.podCIDRs): no pod can start here';
    return without({ node, object: name, text });
  }
  const podRanges: PodRange[] = [];
  const problems: ModelProblem[] = [];
  for (const prefix of node.podCidrs) {
    const router = addressAt(prefix, 1n);
    if (router !== undefined) podRanges.push({ prefix, router });
    else problems.push({ object: `${name} ${prefix}`, text: 'is too small for any pod' });
  }
  return { node, podRanges, problems };
}

function without({ node, ...problem }: ModelProblem & { node: CheckedNode | undefined }): OwnNode {
  return { node, podRanges: [], problems: [problem] };
}

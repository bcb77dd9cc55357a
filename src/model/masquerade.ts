// Which pod packets get the node's address when they leave it: those to outside the cluster.

import { memoize } from '../base/memoize.ts';
import { hostPrefix } from '../net/prefix.ts';
import type { Masquerade, ModelConfig, PodRange } from './desired.ts';
import type { HostFacts } from './host.ts';
import type { NetworkNode } from './network-nodes.ts';
import type { RangeOwners } from './pod-ranges.ts';
import { compact, type OrderedPrefix, orderedPrefix } from './prefix-order.ts';

export interface MasqueradeFacts {
  readonly podRanges: readonly PodRange[];
  readonly ranges: RangeOwners;
  readonly host: HostFacts;
}

/** Undefined: nothing is to be masqueraded, whoever sends it. */
export function masqueradeOf(config: ModelConfig, facts: MasqueradeFacts): Masquerade | undefined {
  const { podRanges, ranges, host } = facts;
  const uplinks = host.uplinks.map(({ name }) => name).sort();
  if (!config.masquerade || uplinks.length === 0) return undefined;
  const exempt = ranges.nodes.flatMap((node) => {
    const own = nodePrefixes(node);
    const used = own.ranges.filter(({ prefix }) => ranges.owners.get(prefix) === node.name);
    // With native routing a node can answer a pod's own address; with an overlay its reply would take another way.
    return config.mode === 'native' ? [...used, ...own.addresses] : used;
  });
  return {
    sources: compact(podRanges.map(({ prefix }) => orderedPrefix(prefix))),
    exempt: compact([...exempt, ...config.nonMasqueradeCidrs.map(orderedPrefix)]),
    uplinks,
  };
}

interface NodePrefixes {
  readonly ranges: readonly OrderedPrefix[];
  readonly addresses: readonly OrderedPrefix[];
}

const nodePrefixes: (node: NetworkNode) => NodePrefixes = memoize(({ podCidrs, addresses }) => ({
  ranges: podCidrs.map(orderedPrefix),
  addresses: addresses.map((address) => orderedPrefix(hostPrefix(address))),
}));

// Which pod packets get the node's address when they leave it: those to outside the cluster.

import type { ClusterNode } from '../cluster/objects.ts';
import { mappedBytes } from '../net/address.ts';
import {
  hostPrefix,
  makePrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from '../net/prefix.ts';
import type { Masquerade, ModelConfig, PodRange } from './desired.ts';
import type { HostFacts } from './host.ts';

export interface MasqueradeFacts {
  readonly podRanges: readonly PodRange[];
  /** Every pod range in the cluster. */
  readonly allRanges: Iterable<Prefix>;
  readonly nodes: readonly ClusterNode[];
  readonly host: HostFacts;
}

/** Undefined: nothing is masqueraded. */
export function masqueradeOf(config: ModelConfig, facts: MasqueradeFacts): Masquerade | undefined {
  const sources = facts.podRanges.map(({ prefix }) => prefix);
  const uplinks = facts.host.uplinks.map(({ name }) => name).sort();
  if (!config.masquerade || sources.length === 0 || uplinks.length === 0) return undefined;
  // With native routing a node can answer a pod's own address; with an overlay its reply would take another way.
  const nodePrefixes =
    config.mode === 'native'
      ? facts.nodes.flatMap(({ addresses }) => addresses.map(hostPrefix))
      : [];
  const exempt = compact([...facts.allRanges, ...nodePrefixes, ...config.nonMasqueradeCidrs]);
  return { sources: compact(sources), exempt, uplinks };
}

/** Sorted, without those that lie within another: what an nftables interval set accepts. */
export function compact(prefixes: readonly Prefix[]): readonly Prefix[] {
  const byLength = [...new Set(prefixes)].sort(
    (left, right) => prefixLength(left) - prefixLength(right),
  );
  const kept = new Set<Prefix>();
  const lengths = { 4: new Set<number>(), 6: new Set<number>() };
  for (const prefix of byLength) {
    const known = lengths[prefixFamily(prefix)];
    const isWithin = [...known].some((length) =>
      kept.has(makePrefix(prefixAddress(prefix), length)),
    );
    if (isWithin) continue;
    kept.add(prefix);
    known.add(prefixLength(prefix));
  }
  return inOrder(kept);
}

// Each address is parsed once, not at each comparison: there are thousands in a large cluster.
function inOrder(prefixes: Iterable<Prefix>): readonly Prefix[] {
  return Array.from(prefixes, (prefix) => {
    const bytes = Buffer.from(mappedBytes(prefixAddress(prefix))).toString('hex');
    return { prefix, order: `${prefixFamily(prefix)} ${bytes}` };
  })
    .sort((left, right) => (left.order < right.order ? -1 : 1))
    .map(({ prefix }) => prefix);
}

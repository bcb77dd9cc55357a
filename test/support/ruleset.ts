// The nftables rules of a node, without counters and without the agent's lock, which contains its process id.

import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { runIn } from './namespaces.ts';

/** Of `nft list`, without the counters, which are listed in the order in which they were created. */
export function withoutCounters(listing: string): string {
  return listing.replace(/^\tcounter \w+ \{[^}]*\}\n/gm, '');
}

export function rulesetOf(namespace: NetworkNamespace): string {
  const text = runIn(namespace, 'nft', '-s', 'list', 'ruleset');
  return text.replace(/^table inet heddle_agent \{[^}]*\}\n/m, '').trim();
}

// The nftables rules of a node, without counters and without the agent's lock, which contains its process id.

import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { runIn } from './namespaces.ts';

export function rulesetOf(namespace: NetworkNamespace): string {
  const text = runIn(namespace, 'nft', '-s', 'list', 'ruleset');
  return text.replace(/^table inet heddle_agent \{[^}]*\}\n/m, '').trim();
}

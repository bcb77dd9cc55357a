// The fact about iptables-legacy. The effect of its rules on packets of pods is checked together with nftables rules.

import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, some } from './fact.ts';

export function legacyFindings({ kernel: { legacyTables } }: ObservedNode): readonly Finding[] {
  const { unread, trouble } = legacyTables;
  if (unread.length === 0) return [];
  return [
    note(
      `iptables-legacy is in use (${unread.join(', ')}) but its rules cannot be read: ${trouble}; they may drop packets of pods or of the tunnel, or take them out of connection tracking`,
    ),
  ];
}

/** Rules that `nft list ruleset` and `iptables -S` do not show are easily missed. */
export function legacyInUse({ kernel: { legacyTables } }: ObservedNode): string | undefined {
  const tables = legacyTables.read.filter(({ rules }) => rules > 0);
  if (tables.length === 0) return undefined;
  const names = tables.map(({ name, rules }) => `${rules} in ${name}`);
  return `iptables-legacy has rules (${some(names, 8)}); they are checked like those of nftables`;
}

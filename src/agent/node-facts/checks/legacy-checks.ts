// The fact about iptables-legacy. What its rules do to pods' packets is found with the rules of nftables.

import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, some } from './fact.ts';

export function legacyFindings({ kernel: { legacyTables } }: ObservedNode): readonly Finding[] {
  const { unread, trouble } = legacyTables;
  if (unread.length === 0) return [];
  return [
    note(
      `iptables-legacy is in use (${unread.join(', ')}) and is not read here: ${trouble}; its rules may drop pods' packets, take them out of connection tracking, or keep the tunnel's out`,
    ),
  ];
}

/** Rules beside those that `nft list ruleset` and `iptables -S` show are easily missed. */
export function legacyInUse({ kernel: { legacyTables } }: ObservedNode): string | undefined {
  const tables = legacyTables.read.filter(({ rules }) => rules > 0);
  if (tables.length === 0) return undefined;
  const names = tables.map(({ name, rules }) => `${rules} in ${name}`);
  return `iptables-legacy has rules (${some(names, 8)}), which are judged as those of nftables are`;
}

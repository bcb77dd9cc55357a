// Tables of iptables-legacy, which netfilter keeps in addition to nftables. Only their names can be read without a program
// of iptables.

import { existsSync, readFileSync } from 'node:fs';

/** A table of iptables-legacy that was used in this namespace, according to /proc/net/ip_tables_names. */
export interface LegacyTable {
  readonly family: 'ip' | 'ip6';
  readonly table: string;
}

/** In the namespace of the calling thread. */
export function legacyTablesInUse(): readonly LegacyTable[] {
  return (['ip', 'ip6'] as const).flatMap((family) => {
    const file = `/proc/thread-self/net/${family}_tables_names`;
    // Checked first: a missing file is normal, and an error costs more than everything else.
    if (!existsSync(file)) return [];
    const tables = readFileSync(file, 'utf8').split('\n');
    return tables.filter((table) => table !== '').map((table) => ({ family, table }));
  });
}

// Removes kube-proxy's chains from the tables of iptables-legacy, each table in one step.

import { type LegacyTable, legacyTablesInUse } from '../../kernel/netfilter/legacy-tables.ts';
import type { Cleaned } from './cleaned.ts';
import { ownLegacyChains, removalText } from './legacy-chains.ts';
import { restoreLegacy, saveLegacy } from './legacy-program.ts';
import { tablesOfChains } from './own-chains.ts';

export async function cleanLegacy(isDryRun: boolean): Promise<Cleaned> {
  const ofInterest: ReadonlySet<string> = new Set(tablesOfChains);
  const removed: Cleaned['removed'][number][] = [];
  const left: string[] = [];
  for (const table of legacyTablesInUse().filter((each) => ofInterest.has(each.table))) {
    const cleaned = await cleanTable(table, isDryRun);
    removed.push(...cleaned.removed);
    left.push(...cleaned.left);
  }
  return { removed, left };
}

async function cleanTable(table: LegacyTable, isDryRun: boolean): Promise<Cleaned> {
  const where = `${table.family} ${table.table}`;
  const saved = await saveLegacy(table);
  if (saved.kind !== 'done') {
    const unknown = `whether kube-proxy has chains in the table ${where} of iptables-legacy is unknown`;
    return { removed: [], left: [`${unknown}: ${saved.text}`] };
  }
  const own = ownLegacyChains(saved.text);
  if (own.chains.length === 0) return { removed: [], left: [] };
  if (!isDryRun) {
    const { kind, text } = await restoreLegacy(table.family, removalText(table.table, own));
    const stays = `kube-proxy's chains in the table ${where} of iptables-legacy stay: ${text}`;
    if (kind !== 'done') return { removed: [], left: [stays] };
  }
  const kept = new Set(own.others.map(({ target }) => target));
  return {
    removed: [
      { what: `chains of iptables-legacy (${where})`, count: own.chains.length - kept.size },
      { what: `rules that led there (${where}, legacy)`, count: own.rules.length },
    ],
    left: own.others.map(
      ({ chain, target }) =>
        `the chain ${target} (${where}, legacy) stays, empty: a rule of the chain ${chain}, which is not kube-proxy's, leads there`,
    ),
  };
}

// Removes what kube-proxy wrote to nftables: its own tables (mode nftables), and its chains in the tables of iptables-nft
// with the rules that lead to them. The kernel's own interface, because programs of iptables may be missing.

import type { RemovedOfKubeProxy } from '../../api/kube-proxy.ts';
import { listJumps, type NftJump } from '../../kernel/netfilter/nft-jumps.ts';
import { hasNftTable } from '../../kernel/netfilter/nft-lookups.ts';
import type { NftTableName } from '../../kernel/netfilter/nft-sets.ts';
import type { Nftables } from '../../kernel/netfilter/nftables.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { Cleaned } from './cleaned.ts';
import { isOwnChain, ownNftTables, tablesOfChains } from './own-chains.ts';

export interface NftCleaning {
  readonly nft: Pick<Nftables, 'apply' | 'deleteTable' | 'listChains'>;
  readonly socket: Pick<NetlinkSocket, 'get' | 'dump'>;
  readonly isDryRun: boolean;
}

/** Throws KernelError; then the table that it names is as it was. */
export function cleanNft(options: NftCleaning): Cleaned {
  const { nft, socket, isDryRun } = options;
  const tables = ownNftTables.filter((each) => hasNftTable(socket, each));
  if (!isDryRun) for (const { family, table } of tables) nft.deleteTable(family, table);
  const chains = listedChains(nft.listChains());
  const cleaned = (['ip', 'ip6'] as const).flatMap((family) =>
    tablesOfChains.map((table) => cleanChains({ family, table }, chains, options)),
  );
  return {
    removed: [
      { what: 'nftables tables', count: tables.length },
      ...cleaned.flatMap((each) => each.removed),
    ],
    left: cleaned.flatMap((each) => each.left),
  };
}

interface ListedChain extends NftTableName {
  readonly name: string;
  /** Undefined: no base chain. */
  readonly hook?: string;
}

function listedChains(listing: readonly unknown[]): readonly ListedChain[] {
  return listing.flatMap((item) => (item as { readonly chain?: ListedChain }).chain ?? []);
}

function cleanChains(
  of: NftTableName,
  listed: readonly ListedChain[],
  { nft, socket, isDryRun }: NftCleaning,
): Cleaned {
  const here = listed.filter(({ family, table }) => family === of.family && table === of.table);
  const own = here.filter(({ name }) => isOwnChain(name)).map(({ name }) => name);
  if (own.length === 0) return { removed: [], left: [] };
  const names = new Set(own);
  const base = new Set(here.filter(({ hook }) => hook !== undefined).map(({ name }) => name));
  const jumps = listJumps(
    socket,
    of,
    ({ chain, target }) => names.has(target) && !names.has(chain),
  );
  const [ours, others] = [
    jumps.filter(({ chain }) => base.has(chain)),
    jumps.filter(({ chain }) => !base.has(chain)),
  ];
  const kept = new Set(others.map(({ target }) => target));
  const removed = own.filter((name) => !kept.has(name));
  if (!isDryRun) nft.apply(transaction(of, { own, removed, ours }));
  const where = `${of.family} ${of.table}`;
  return {
    removed: [
      { what: `chains of iptables (${where})`, count: removed.length },
      { what: `rules that led there (${where})`, count: ours.length },
    ] satisfies RemovedOfKubeProxy[],
    left: others.map(
      ({ chain, target }) =>
        `the chain ${target} (${where}) stays, empty: a rule of the chain ${chain}, which is not kube-proxy's, leads there`,
    ),
  };
}

// The chains refer to each other, so all are emptied before any is deleted.
function transaction(
  { family, table }: NftTableName,
  {
    own,
    removed,
    ours,
  }: {
    readonly own: readonly string[];
    readonly removed: readonly string[];
    readonly ours: readonly NftJump[];
  },
): string {
  const at = `${family} ${table}`;
  return [
    ...ours.map(({ chain, handle }) => `delete rule ${at} ${chain} handle ${handle}`),
    ...own.map((name) => `flush chain ${at} ${name}`),
    ...removed.map((name) => `delete chain ${at} ${name}`),
  ].join('\n');
}

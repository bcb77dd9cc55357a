// Lists tables of other software within bounds, because listing blocks the thread that serves pods: tables with too many
// rules are passed over, and elements of large sets are not read. libnftables takes seconds for a blocklist of some
// hundred thousand addresses.

import { isKernelError } from '../../../kernel/errno.ts';
import type { NftSet, NftTableName } from '../../../kernel/netfilter/nft-sets.ts';
import type { Nftables } from '../../../kernel/netfilter/nftables.ts';
import {
  hasXtables,
  mostElements,
  mostRules,
  passedOver,
  type RuleSet,
  readRuleSet,
  record,
} from '../rules/rule-set.ts';

export type TableListing = Pick<
  Nftables,
  | 'hasMoreRules'
  | 'listSets'
  | 'countElements'
  | 'listTable'
  | 'listTerse'
  | 'listSet'
  | 'listXtables'
>;

/** Maximum of a table. */
const mostSets = 10_000;

interface Measured {
  readonly name: NftTableName;
  /** What it has too much of. */
  readonly tooLarge?: string;
  readonly sets: readonly SizedSet[];
}

interface SizedSet {
  readonly set: NftSet;
  readonly elements: number;
}

/** Tables deleted meanwhile are omitted. Throws KernelError. */
export function listTables(nft: TableListing, names: readonly NftTableName[]): readonly RuleSet[] {
  const tables = names.map((name) => measured(nft, name));
  const large = largeSets(tables.flatMap(({ sets }) => sets));
  let terse: readonly unknown[] | undefined;
  return tables.flatMap(({ name, tooLarge, sets }): readonly RuleSet[] => {
    if (tooLarge !== undefined) return [passedOver(name, tooLarge)];
    const unread = sets.filter(({ set }) => large.has(set)).map(({ set }) => set);
    if (unread.length === 0) return listed(nft, name, nft.listTable(name.family, name.table));
    if (unread.some(({ isAnonymous }) => isAnonymous)) {
      return [passedOver(name, `rules with more than ${mostElements} values`)];
    }
    const obstacle = terse === undefined ? terseObstacle(nft) : undefined;
    if (obstacle !== undefined) return [passedOver(name, obstacle)];
    terse ??= nft.listTerse();
    const small = sets.map(({ set }) => set).filter((set) => !set.isAnonymous && !large.has(set));
    return listed(nft, name, withElements(nft, itemsOf(terse, name), small));
  });
}

function listed(
  nft: TableListing,
  name: NftTableName,
  listing: readonly unknown[] | undefined,
): readonly RuleSet[] {
  if (listing === undefined) return [];
  const xtables = hasXtables(listing) ? nft.listXtables(name.family, name.table) : new Map();
  return [readRuleSet(name, listing, xtables)];
}

function measured(nft: TableListing, name: NftTableName): Measured {
  if (nft.hasMoreRules(mostRules, name)) {
    return { name, sets: [], tooLarge: `more than ${mostRules} rules` };
  }
  const { sets, isWhole } = nft.listSets(mostSets, name);
  if (!isWhole) return { name, sets: [], tooLarge: `more than ${mostSets} sets` };
  return { name, sets: sets.map((set) => ({ set, elements: elementsOf(nft, set) })) };
}

function elementsOf(nft: TableListing, set: NftSet): number {
  try {
    return nft.countElements(set, mostElements);
  } catch (error) {
    // Deleted meanwhile.
    if (isKernelError(error, 'ENOENT')) return 0;
    throw error;
  }
}

/** The largest, so that the others have `mostElements` together. */
function largeSets(sets: readonly SizedSet[]): ReadonlySet<NftSet> {
  let sum = 0;
  const bySize = sets.toSorted((left, right) => left.elements - right.elements);
  return new Set(
    bySize.flatMap(({ set, elements }) => {
      sum += elements;
      return sum > mostElements ? [set] : [];
    }),
  );
}

/** Why the terse listing, which is of all tables and has the elements of anonymous sets, would take long. */
function terseObstacle(nft: TableListing): string | undefined {
  const large = `a set with many elements beside tables with more than ${mostRules}`;
  if (nft.hasMoreRules(mostRules)) return `${large} rules`;
  const { sets, isWhole } = nft.listSets(mostSets);
  if (!isWhole) return `${large} sets`;
  const values = sets
    .filter(({ isAnonymous }) => isAnonymous)
    .reduce((sum, set) => (sum > mostElements ? sum : sum + elementsOf(nft, set)), 0);
  return values > mostElements ? `${large} values in their rules` : undefined;
}

function itemsOf(listing: readonly unknown[], { family, table }: NftTableName): readonly unknown[] {
  return listing.filter((item) => {
    const [object] = Object.values(record(item) ?? {});
    const names = record(object);
    return names?.['family'] === family && names['table'] === table;
  });
}

/** Replaces the sets of a terse listing, which seem to have no elements, by the `small` ones with theirs. */
function withElements(
  nft: TableListing,
  items: readonly unknown[],
  small: readonly NftSet[],
): readonly unknown[] {
  const isSet = (item: unknown): boolean =>
    ['set', 'map', 'meter'].some((key) => key in (record(item) ?? {}));
  return [
    ...items.filter((item) => !isSet(item)),
    ...small.flatMap((set) => nft.listSet(set) ?? []),
  ];
}

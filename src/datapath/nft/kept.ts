// Elements that outlast a replacement of the whole table. Until the cluster is known completely, those that an earlier
// agent left may belong to Nodes that exist.

import { PrefixIndex } from '../../model/prefix-index.ts';
import { contains, type OrderedPrefix, orderedPrefix } from '../../model/prefix-order.ts';
import { type Prefix, parsePrefix, prefixHalves } from '../../net/prefix.ts';
import {
  elementEntry,
  isSameNftEntry,
  type NftElement,
  type NftEntry,
  nftEntryKey,
} from './entries.ts';
import { byCollection, isCollection, isElement, type NftChange } from './transaction.ts';

/** Present entries that are neither desired nor to be removed. */
export function leftEntries({ remove, desired, present }: NftChange): readonly NftEntry[] {
  const removed = new Set(remove.map(nftEntryKey));
  return [...present]
    .filter(([key]) => !desired.has(key) && !removed.has(key))
    .map(([, entry]) => entry);
}

/** Elements among those, if their set or map does not change. */
export function keptElements(change: NftChange): readonly NftElement[] {
  const all = [...change.desired.values()];
  const left = byCollection(leftEntries(change).filter(isElement).filter(isReadable));
  const desired = byCollection(all.filter(isElement));
  return all.filter(isCollection).flatMap((collection) => {
    const { name, content } = collection;
    const own = left.get(name) ?? [];
    const was = change.present.get(nftEntryKey(collection));
    if (own.length === 0 || was === undefined || !isSameNftEntry(was, collection)) return [];
    return content.includes('flags interval') ? besides(own, desired.get(name) ?? []) : own;
  });
}

function isReadable({ isUnreadable }: NftElement): boolean {
  return isUnreadable !== true;
}

interface Range {
  readonly ordered: OrderedPrefix;
}

// The kernel refuses a range that overlaps another.
function besides(
  kept: readonly NftElement[],
  desired: readonly NftElement[],
): readonly NftElement[] {
  const index = new PrefixIndex(desired.map(({ element }) => rangeOf(parsePrefix(element))));
  return kept.flatMap(({ of, element }) =>
    uncovered(parsePrefix(element), index).map((prefix) => elementEntry(of, prefix)),
  );
}

function uncovered(prefix: Prefix, index: PrefixIndex<Range>): readonly Prefix[] {
  const { ordered } = rangeOf(prefix);
  const met = index.meeting(ordered)?.ordered;
  if (met === undefined) return [prefix];
  if (contains(met, ordered)) return [];
  return prefixHalves(prefix).flatMap((half) => uncovered(half, index));
}

function rangeOf(prefix: Prefix): Range {
  return { ordered: orderedPrefix(prefix) };
}

// Joins two collections: entries of the one with those of the other that they refer to. Contract: see derived.ts.

import { type CollectionOptions, type Entries, KeyedCollection } from './collection.ts';
import { Derived, type EntryKey, follower, type KeyedValue, Yields } from './derived.ts';

/**
 * Groups the entries of the source by another key. A group exists while it has members; it is one live map, whose entry
 * changes with each of them. Undefined: the entry is in no group.
 */
export function groupBy<From extends EntryKey, Item, To extends EntryKey>(
  source: Entries<From, Item>,
  groupOf: (item: Item, key: From) => To | undefined,
): Entries<To, ReadonlyMap<From, Item>> {
  const groups = new KeyedCollection<To, Map<From, Item>>({ equal: () => false });
  const places = new Map<From, To>();
  const leave = (key: From): void => {
    const place = places.get(key);
    const group = place === undefined ? undefined : groups.get(place);
    if (place === undefined || group === undefined) return;
    places.delete(key);
    group.delete(key);
    if (group.size === 0) groups.delete(place);
    else groups.set(place, group);
  };
  const follow = follower(source, () => places.keys());
  return new Derived<To, ReadonlyMap<From, Item>>(groups, () =>
    follow((change) => {
      const place = change.kind === 'deleted' ? undefined : groupOf(change.value, change.key);
      if (places.get(change.key) !== place) leave(change.key);
      if (change.kind === 'deleted' || place === undefined) return;
      places.set(change.key, place);
      groups.set(place, (groups.get(place) ?? new Map<From, Item>()).set(change.key, change.value));
    }),
  );
}

export interface Join<LeftKey, Left, RightKey, Right, To, Value> {
  /** Key of the right entry that belongs to it; undefined: none. */
  readonly rightOf: (left: Left, key: LeftKey) => RightKey | undefined;
  /** `right` is undefined if there is none. */
  readonly entriesOf: (
    left: Left,
    right: Right | undefined,
    key: LeftKey,
  ) => Iterable<KeyedValue<To, Value>>;
  readonly equal?: CollectionOptions<Value>['equal'];
}

/**
 * Entries derived from each left entry and its right entry, for example from slices and their Service. A changed right
 * entry costs the left entries that it belongs to. Keys given by several: see `mapEach`.
 */
export function joinWith<
  LeftKey extends EntryKey,
  Left,
  RightKey extends EntryKey,
  Right,
  To extends EntryKey,
  Value,
>(
  left: Entries<LeftKey, Left>,
  right: Entries<RightKey, Right>,
  { rightOf, entriesOf, equal }: Join<LeftKey, Left, RightKey, Right, To, Value>,
): Entries<To, Value> {
  const made = new Yields<LeftKey, To, Value>(equal === undefined ? {} : { equal });
  const lefts = groupBy(left, rightOf);
  const followLeft = follower(left, () => made.sources());
  const followRight = follower(right, () => Array.from(lefts, ([key]) => key));
  // Including those that threw.
  const open = new Set<LeftKey>();
  return new Derived(made.entries, () => {
    followLeft(({ key }) => open.add(key));
    followRight(({ key }) => {
      for (const member of lefts.get(key)?.keys() ?? []) open.add(member);
    });
    for (const key of open) {
      const item = left.get(key);
      const of = item === undefined ? undefined : rightOf(item, key);
      const other = of === undefined ? undefined : right.get(of);
      made.put(key, item === undefined ? [] : entriesOf(item, other, key));
      open.delete(key);
    }
  });
}

/**
 * Entries derived from each left entry and the right entry with the same key. Undefined: none. Takes far less memory
 * than `joinWith`.
 */
export function joinByKey<Key extends EntryKey, Left, Right, Value>(
  left: Entries<Key, Left>,
  right: Entries<Key, Right>,
  entryOf: (left: Left, right: Right | undefined, key: Key) => Value | undefined,
): Entries<Key, Value> {
  const made = new KeyedCollection<Key, Value>();
  const known = (): Iterable<Key> => Array.from(made, ([key]) => key);
  const followLeft = follower(left, known);
  const followRight = follower(right, known);
  // Including those that threw.
  const open = new Set<Key>();
  return new Derived(made, () => {
    followLeft(({ key }) => open.add(key));
    followRight(({ key }) => open.add(key));
    for (const key of open) {
      const item = left.get(key);
      const value = item === undefined ? undefined : entryOf(item, right.get(key), key);
      if (value === undefined) made.delete(key);
      else made.set(key, value);
      open.delete(key);
    }
  });
}

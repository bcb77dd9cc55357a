// Values by key, each with the revision of its last change. A reader remembers the revision up to which it has read, and
// asks for the changes since: that costs as much as there are changes, however many entries there are.
//
// Contract:
// - One owner writes (`set`, `delete`), everyone else reads by `Entries`. All state is in the object: two agents in one
//   process share nothing.
// - Each write that changes something makes the next revision. A value that is equal to the present one changes nothing,
//   so that nothing derived from it is computed again.
// - `changesSince(revision)` has each key once, in the order of the last changes, with its present value. `added`: the reader
//   cannot know the key. `changed`: it knows the key, unless that was gone for a time. `deleted`: as well; a reader that does
//   not know the key ignores that.
// - Revision 0 is before everything: `changesSince(0)` has every entry.
// - Deleted keys are remembered, but not forever. Where the reader may have missed one, `changesSince` is undefined: that
//   revision is too old, or not of this collection. Then the reader compares all entries with what it has: `changesAfter`.
// - Values are immutable, and not undefined. A changed object is another object.
// - Entries are in the order in which their keys came. A changed value keeps its place.

export type Change<Key, Value> =
  | { readonly kind: 'added' | 'changed'; readonly key: Key; readonly value: Value }
  | { readonly kind: 'deleted'; readonly key: Key };

/** A collection as its readers see it. Reading a derived one brings it up to date first. */
export interface Entries<Key, Value> extends Iterable<readonly [Key, Value]> {
  readonly revision: number;
  readonly size: number;
  get(key: Key): Value | undefined;
  has(key: Key): boolean;
  /** The same array while nothing changes. */
  values(): readonly Value[];
  /** Undefined: the revision is too old. */
  changesSince(revision: number): readonly Change<Key, Value>[] | undefined;
}

export interface CollectionOptions<Value> {
  /** Identity unless given. */
  readonly equal?: (left: Value, right: Value) => boolean;
}

/** An entry, or the memory of one that was deleted, in the chain of all by revision. */
class Item<Key, Value> {
  readonly key: Key;
  value: Value;
  revision = 0;
  /** The revision in which the key came, as far as is remembered. */
  readonly since: number;
  older: Item<Key, unknown> | undefined = undefined;
  newer: Item<Key, unknown> | undefined = undefined;

  constructor(key: Key, value: Value, since: number) {
    this.key = key;
    this.value = value;
    this.since = since;
  }
}

/** Deleted keys that are remembered in any case. More are where there are more entries. */
const leastRemembered = 256;

export class KeyedCollection<Key, Value> implements Entries<Key, Value> {
  readonly #equal: (left: Value, right: Value) => boolean;
  readonly #items = new Map<Key, Item<Key, Value>>();
  /** The oldest deletion first. */
  readonly #deleted = new Map<Key, Item<Key, undefined>>();
  /** The end of the chain. */
  #newest: Item<Key, unknown> | undefined;
  #revision = 0;
  /** Of the last deletion that is no longer remembered. */
  #forgotten = 0;
  #values: readonly Value[] | undefined;

  constructor({ equal = Object.is }: CollectionOptions<Value> = {}) {
    this.#equal = equal;
  }

  get revision(): number {
    return this.#revision;
  }

  get size(): number {
    return this.#items.size;
  }

  get(key: Key): Value | undefined {
    return this.#items.get(key)?.value;
  }

  has(key: Key): boolean {
    return this.#items.has(key);
  }

  values(): readonly Value[] {
    this.#values ??= Array.from(this.#items.values(), ({ value }) => value);
    return this.#values;
  }

  *[Symbol.iterator](): Generator<readonly [Key, Value], undefined> {
    for (const { key, value } of this.#items.values()) yield [key, value];
  }

  /** False: the value is equal to the present one, which stays. */
  set(key: Key, value: Value): boolean {
    const present = this.#items.get(key);
    if (present === undefined) {
      this.#add(key, value);
      return true;
    }
    if (this.#equal(present.value, value)) return false;
    this.#takeOut(present);
    present.value = value;
    this.#append(present);
    return true;
  }

  /** False: there is none. */
  delete(key: Key): boolean {
    const item = this.#items.get(key);
    if (item === undefined) return false;
    this.#items.delete(key);
    this.#takeOut(item);
    const gone = new Item(key, undefined, item.since);
    this.#deleted.set(key, gone);
    this.#append(gone);
    this.#forgetDeleted();
    return true;
  }

  changesSince(revision: number): readonly Change<Key, Value>[] | undefined {
    const isTooOld = revision > 0 && revision < this.#forgotten;
    if (isTooOld || revision > this.#revision) return undefined;
    const changes: Change<Key, Value>[] = [];
    for (let item = this.#newest; item && item.revision > revision; item = item.older) {
      const { key, since } = item;
      const present = this.#items.get(key);
      if (present !== undefined) {
        const kind = since > revision ? 'added' : 'changed';
        changes.push({ kind, key, value: present.value });
      } else if (since <= revision) changes.push({ kind: 'deleted', key });
    }
    return changes.reverse();
  }

  #add(key: Key, value: Value): void {
    const gone = this.#deleted.get(key);
    if (gone !== undefined) {
      this.#deleted.delete(key);
      this.#takeOut(gone);
    }
    const item = new Item(key, value, gone?.since ?? this.#revision + 1);
    this.#items.set(key, item);
    this.#append(item);
  }

  #append(item: Item<Key, unknown>): void {
    item.revision = ++this.#revision;
    item.older = this.#newest;
    item.newer = undefined;
    if (this.#newest !== undefined) this.#newest.newer = item;
    this.#newest = item;
    this.#values = undefined;
  }

  #takeOut({ older, newer }: Item<Key, unknown>): void {
    if (older !== undefined) older.newer = newer;
    if (newer === undefined) this.#newest = older;
    else newer.older = older;
  }

  #forgetDeleted(): void {
    const most = Math.max(leastRemembered, this.#items.size);
    for (const [key, gone] of this.#deleted) {
      if (this.#deleted.size <= most) return;
      this.#deleted.delete(key);
      this.#takeOut(gone);
      this.#forgotten = gone.revision;
    }
  }
}

/**
 * As `changesSince`, for a reader of a revision that may be too old: then every entry is in it, and what the reader knows of and is
 * no longer there.
 */
export function changesAfter<Key, Value>(
  entries: Entries<Key, Value>,
  revision: number,
  known: () => Iterable<Key>,
): readonly Change<Key, Value>[] {
  const changes = entries.changesSince(revision);
  if (changes !== undefined) return changes;
  const gone = Array.from(known())
    .filter((key) => !entries.has(key))
    .map((key) => ({ kind: 'deleted', key }) as const);
  const all = Array.from(entries, ([key, value]) => ({ kind: 'changed', key, value }) as const);
  return [...gone, ...all];
}

/** Remembers up to where one reader has read. */
export class Bookmark<Key, Value> {
  #source: Entries<Key, Value> | undefined;
  #revision = 0;

  /**
   * Gives `take` the changes since the last call that returned: if `take` throws, they come again. Another source than
   * last time is given as a whole. `known`: see `changesAfter`.
   */
  read<Result>(
    source: Entries<Key, Value>,
    known: () => Iterable<Key>,
    take: (changes: readonly Change<Key, Value>[]) => Result,
  ): Result {
    const { revision } = source;
    const since = source === this.#source ? this.#revision : Number.POSITIVE_INFINITY;
    const result = take(changesAfter(source, since, known));
    this.#source = source;
    this.#revision = revision;
    return result;
  }
}

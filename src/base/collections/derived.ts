// Collections made of others. Each follows its sources by their revisions, when it is read: one changed entry of a source costs
// what depends on that entry. Reading one in a chain brings the whole chain up to date; nothing has to be called in order.
//
// The functions that are given must be pure: the same entry of a source gives the same entries, whatever happened before. What
// they throw, the reader gets; the next read tries the same entries again.

import {
  type Change,
  type CollectionOptions,
  changesAfter,
  type Entries,
  KeyedCollection,
} from './collection.ts';

/** Keys that can be compared and used in a map. */
export type EntryKey = string | number;
export type KeyedValue<K, V> = readonly [key: K, value: V];

/**
 * Entries derived from single entries of the source: none, one or several each. If several give the same key, the one
 * with the smallest own key provides its value, and the next one when that is deleted.
 */
export function mapEach<From extends EntryKey, Item, To extends EntryKey, Value>(
  source: Entries<From, Item>,
  entriesOf: (item: Item, key: From) => Iterable<KeyedValue<To, Value>>,
  options?: CollectionOptions<Value>,
): Entries<To, Value> {
  const made = new Yields<From, To, Value>(options);
  const follow = follower(source, () => made.sources());
  return new Derived(made.entries, () =>
    follow((change) => {
      made.put(change.key, change.kind === 'deleted' ? [] : entriesOf(change.value, change.key));
    }),
  );
}

/** Calls back for each change since the last call. Changes whose callback threw, and later ones, are repeated. */
export function follower<K, V>(
  source: Entries<K, V>,
  known: () => Iterable<K>,
): (take: (change: Change<K, V>) => void) => void {
  let seen = 0;
  return (take) => {
    const { revision } = source;
    if (revision === seen) return;
    for (const change of changesAfter(source, seen, known)) take(change);
    seen = revision;
  };
}

/** Entries that are updated before each read. */
export class Derived<K, V> implements Entries<K, V> {
  readonly #entries: Entries<K, V>;
  readonly #follow: () => void;

  constructor(entries: Entries<K, V>, follow: () => void) {
    this.#entries = entries;
    this.#follow = follow;
  }

  get revision(): number {
    return this.#current.revision;
  }

  get size(): number {
    return this.#current.size;
  }

  get(key: K): V | undefined {
    return this.#current.get(key);
  }

  has(key: K): boolean {
    return this.#current.has(key);
  }

  values(): readonly V[] {
    return this.#current.values();
  }

  [Symbol.iterator](): Iterator<readonly [K, V]> {
    return this.#current[Symbol.iterator]();
  }

  changesSince(revision: number): readonly Change<K, V>[] | undefined {
    return this.#current.changesSince(revision);
  }

  get #current(): Entries<K, V> {
    this.#follow();
    return this.#entries;
  }
}

/** Tracks which entry of a source gives which entries. */
export class Yields<From extends EntryKey, To, Value> {
  readonly entries: KeyedCollection<To, Value>;
  readonly #keys = new Map<From, readonly To[]>();
  /** The source entry that provides the value. */
  readonly #owners = new Map<To, From>();
  /** For keys given by several source entries: the value of each. */
  readonly #rivals = new Map<To, Map<From, Value>>();

  constructor(options?: CollectionOptions<Value>) {
    this.entries = new KeyedCollection(options);
  }

  /** Source entries that give something. */
  sources(): Iterable<From> {
    return this.#keys.keys();
  }

  /** Replaces everything that the source entry gives. */
  put(source: From, entries: Iterable<KeyedValue<To, Value>>): void {
    const given = new Map(entries);
    for (const key of this.#keys.get(source) ?? []) {
      if (!given.has(key)) this.#withdraw(key, source);
    }
    for (const [key, value] of given) this.#give(key, source, value);
    if (given.size === 0) this.#keys.delete(source);
    else this.#keys.set(source, [...given.keys()]);
  }

  #give(key: To, source: From, value: Value): void {
    const owner = this.#owners.get(key) ?? source;
    let rivals = this.#rivals.get(key);
    if (owner !== source && rivals === undefined) {
      rivals = new Map();
      const owned = this.entries.get(key);
      if (owned !== undefined) rivals.set(owner, owned);
      this.#rivals.set(key, rivals);
    }
    rivals?.set(source, value);
    if (owner >= source) this.#own(key, source, value);
  }

  #own(key: To, source: From, value: Value): void {
    this.#owners.set(key, source);
    this.entries.set(key, value);
  }

  #withdraw(key: To, source: From): void {
    const rivals = this.#rivals.get(key);
    rivals?.delete(source);
    if (rivals !== undefined && rivals.size <= 1) this.#rivals.delete(key);
    if (this.#owners.get(key) !== source) return;
    const next = least(rivals ?? []);
    if (next === undefined) {
      this.#owners.delete(key);
      this.entries.delete(key);
    } else this.#own(key, ...next);
  }
}

function least<From extends EntryKey, Value>(
  rivals: Iterable<readonly [From, Value]>,
): readonly [From, Value] | undefined {
  let found: readonly [From, Value] | undefined;
  for (const rival of rivals) if (found === undefined || rival[0] < found[0]) found = rival;
  return found;
}

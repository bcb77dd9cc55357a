// Followers of a collection, or of maps, that are updated only when their owner calls for it: results derived from them
// do not change in between.

import {
  Bookmark,
  type Change,
  type CollectionOptions,
  type Entries,
  KeyedCollection,
} from './collection.ts';
import { changesBetween } from './snapshot-map.ts';

/** Follows maps given one after the other. For two snapshots of one `SnapshotMap` only the differences are examined. */
export class Mirror<Value> {
  readonly #entries: KeyedCollection<string, Value>;
  #last: ReadonlyMap<string, Value> = new Map();

  constructor(options?: CollectionOptions<Value>) {
    this.#entries = new KeyedCollection(options);
  }

  /** Entries of the last map. */
  get entries(): Entries<string, Value> {
    return this.#entries;
  }

  follow(map: ReadonlyMap<string, Value>): void {
    for (const { key, after } of changesBetween(this.#last, map)) {
      if (after === undefined) this.#entries.delete(key);
      else this.#entries.set(key, after);
    }
    this.#last = map;
  }
}

/** Values before and after; undefined: no entry. */
export interface ReadChange<Key, Value> {
  readonly key: Key;
  readonly before: Value | undefined;
  readonly after: Value | undefined;
}

/** Reads a collection from time to time and remembers the last state. */
export class Reader<Key, Value> {
  readonly #known = new Map<Key, Value>();
  readonly #bookmark = new Bookmark<Key, Value>();

  /** State at the last read. */
  get known(): ReadonlyMap<Key, Value> {
    return this.#known;
  }

  /** A source other than the last one is compared as a whole. */
  read(source: Entries<Key, Value>): readonly ReadChange<Key, Value>[] {
    return this.#bookmark.read(
      source,
      () => this.#known.keys(),
      (changes) => changes.flatMap((change) => this.#apply(change)),
    );
  }

  #apply(change: Change<Key, Value>): readonly ReadChange<Key, Value>[] {
    const { key } = change;
    const before = this.#known.get(key);
    const after = change.kind === 'deleted' ? undefined : change.value;
    if (after === undefined) this.#known.delete(key);
    else this.#known.set(key, after);
    return before === after ? [] : [{ key, before, after }];
  }
}

/** A collection in its state at the last `follow`. */
export class Copy<Key, Value> {
  readonly #entries = new KeyedCollection<Key, Value>();
  readonly #bookmark = new Bookmark<Key, Value>();

  get entries(): Entries<Key, Value> {
    return this.#entries;
  }

  follow(source: Entries<Key, Value>): void {
    const known = (): Iterable<Key> => Array.from(this.#entries, ([key]) => key);
    this.#bookmark.read(source, known, (changes) => {
      for (const change of changes) {
        if (change.kind === 'deleted') this.#entries.delete(change.key);
        else this.#entries.set(change.key, change.value);
      }
    });
  }
}

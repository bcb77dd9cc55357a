// Followers of a collection, or of maps, that are updated only when their owner calls for it: results derived from them
// do not change in between.

import {
  type CollectionOptions,
  changesAfter,
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
  #source: Entries<Key, Value> | undefined;
  #revision = 0;

  /** State at the last read. */
  get known(): ReadonlyMap<Key, Value> {
    return this.#known;
  }

  /** A source other than the last one is compared as a whole. */
  read(source: Entries<Key, Value>): readonly ReadChange<Key, Value>[] {
    const { revision } = source;
    if (source === this.#source && revision === this.#revision) return [];
    const since = source === this.#source ? this.#revision : Number.POSITIVE_INFINITY;
    const changes: ReadChange<Key, Value>[] = [];
    for (const change of changesAfter(source, since, () => [...this.#known.keys()])) {
      const { key } = change;
      const before = this.#known.get(key);
      const after = change.kind === 'deleted' ? undefined : change.value;
      if (after === undefined) this.#known.delete(key);
      else this.#known.set(key, after);
      if (before !== after) changes.push({ key, before, after });
    }
    this.#source = source;
    this.#revision = revision;
    return changes;
  }
}

/** A collection in its state at the last `follow`. */
export class Copy<Key, Value> {
  readonly #entries = new KeyedCollection<Key, Value>();
  #source: Entries<Key, Value> | undefined;
  #revision = 0;

  get entries(): Entries<Key, Value> {
    return this.#entries;
  }

  follow(source: Entries<Key, Value>): void {
    const { revision } = source;
    const since = source === this.#source ? this.#revision : Number.POSITIVE_INFINITY;
    const known = (): Iterable<Key> => Array.from(this.#entries, ([key]) => key);
    for (const change of changesAfter(source, since, known)) {
      if (change.kind === 'deleted') this.#entries.delete(change.key);
      else this.#entries.set(change.key, change.value);
    }
    this.#source = source;
    this.#revision = revision;
  }
}

// The entries a table should hold, followed from one desired state to the next. Items that come and go by the thousand (the
// endpoints) are in a collection: only those that changed since the last time are looked at. What does not depend on them
// comes in a few groups, which are the same objects while nothing in them changes.

import { Bookmark, type Change, type Entries } from '../base/collections/collection.ts';
import type { DesiredContents, EntryGroup } from './table.ts';

const none: ReadonlySet<string> = new Set();

interface ChangedGroups<Entry> {
  readonly gone: Iterable<EntryGroup<Entry>>;
  readonly come: Iterable<EntryGroup<Entry>>;
}

export class DesiredEntries<Desired, Entry, Item> {
  readonly #contents: DesiredContents<Desired, Entry, Item>;
  #first: readonly EntryGroup<Entry>[] = [];
  #last: readonly EntryGroup<Entry>[] = [];
  readonly #ofItems = new Map<string, EntryGroup<Entry>>();
  readonly #items = new Bookmark<string, Item>();
  #entries = new Map<string, Entry>();
  #hasCollision = false;

  constructor(contents: DesiredContents<Desired, Entry, Item>) {
    this.#contents = contents;
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /**
   * Returns keys whose entry changed, was added or was removed, possibly with some others. If keys collide, the later
   * group wins.
   */
  update(desired: Desired): ReadonlySet<string> {
    const { groups, items, lastGroups = () => [] } = this.#contents;
    const [first, last] = [groups(desired), lastGroups(desired)];
    const changes = [
      changedGroups(this.#first, first),
      this.#changedItems(items?.of(desired)),
      changedGroups(this.#last, last),
    ];
    this.#first = first;
    this.#last = last;
    const gone = changes.flatMap((each) => [...each.gone]);
    const come = changes.flatMap((each) => [...each.come]);
    if (gone.length + come.length === 0) return none;
    return this.#hasCollision ? this.#rebuild() : this.#exchange(gone, come);
  }

  #exchange(
    gone: readonly EntryGroup<Entry>[],
    come: readonly EntryGroup<Entry>[],
  ): ReadonlySet<string> {
    const dirty = new Set<string>();
    for (const group of gone) {
      for (const [key] of group) {
        this.#entries.delete(key);
        dirty.add(key);
      }
    }
    for (const group of come) {
      for (const [key, entry] of group) {
        if (this.#entries.has(key)) return this.#rebuild(dirty);
        this.#entries.set(key, entry);
        dirty.add(key);
      }
    }
    return dirty;
  }

  #changedItems(items: Entries<string, Item> | undefined): ChangedGroups<Entry> {
    const { entriesOf } = this.#contents.items ?? {};
    if (items === undefined || entriesOf === undefined) return { gone: [], come: [] };
    return this.#items.read(
      items,
      () => this.#ofItems.keys(),
      (changes) => this.#exchangeItems(changes, entriesOf),
    );
  }

  #exchangeItems(
    changes: readonly Change<string, Item>[],
    entriesOf: (item: Item) => EntryGroup<Entry>,
  ): ChangedGroups<Entry> {
    const next = changes.map((change) => {
      const group = change.kind === 'deleted' ? undefined : entriesOf(change.value);
      return [change.key, group] as const;
    });
    const gone = changes.map(({ key }) => this.#ofItems.get(key) ?? []);
    for (const [key, group] of next) {
      this.#ofItems.delete(key);
      if (group !== undefined && group.length > 0) this.#ofItems.set(key, group);
    }
    return { gone, come: next.map(([, group = []]) => group) };
  }

  // While two groups want one key, the result of removing one of them cannot be derived from that group alone.
  #rebuild(known: ReadonlySet<string> = none): ReadonlySet<string> {
    const dirty = new Set([...known, ...this.#entries.keys()]);
    this.#entries = new Map();
    let total = 0;
    for (const group of [...this.#first, ...this.#ofItems.values(), ...this.#last]) {
      for (const [key, entry] of group) {
        this.#entries.set(key, entry);
        dirty.add(key);
      }
      total += group.length;
    }
    this.#hasCollision = total > this.#entries.size;
    return dirty;
  }
}

function changedGroups<Entry>(
  before: readonly EntryGroup<Entry>[],
  after: readonly EntryGroup<Entry>[],
): ChangedGroups<Entry> {
  const gone = new Set(before);
  // A group that is given twice collides with itself.
  const come = after.filter((group) => !gone.delete(group));
  return { gone, come };
}

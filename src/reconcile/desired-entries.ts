// The entries a table should hold, followed from one desired state to the next. They come in groups (one endpoint's
// entries, all remote ranges) that are memoised by whoever makes them, so a group that did not change is the same object
// and is passed over as a whole: the cost of a change is the number of groups plus the size of those that changed.

import type { EntryGroup } from './table.ts';

export class DesiredEntries<Entry> {
  #last: readonly EntryGroup<Entry>[] = [];
  #groups: ReadonlySet<EntryGroup<Entry>> = new Set();
  #entries = new Map<string, Entry>();
  #hasCollision = false;

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /** Keys whose entry is another now, or that came or went; possibly some more. Where keys collide the later group holds. */
  update(groups: readonly EntryGroup<Entry>[]): ReadonlySet<string> {
    if (groups === this.#last) return new Set();
    this.#last = groups;
    const next = new Set(groups);
    if (this.#hasCollision) return this.#rebuild(next);
    const dirty = new Set<string>();
    for (const group of this.#groups) {
      if (next.has(group)) continue;
      for (const [key] of group) {
        this.#entries.delete(key);
        dirty.add(key);
      }
    }
    for (const group of next) {
      if (this.#groups.has(group)) continue;
      for (const [key, entry] of group) {
        if (this.#entries.has(key)) return this.#rebuild(next, dirty);
        this.#entries.set(key, entry);
        dirty.add(key);
      }
    }
    this.#groups = next;
    return dirty;
  }

  // While two groups want one key, what a group leaves behind cannot be told from the group alone.
  #rebuild(
    groups: ReadonlySet<EntryGroup<Entry>>,
    known: ReadonlySet<string> = new Set(),
  ): ReadonlySet<string> {
    const dirty = new Set([...known, ...this.#entries.keys()]);
    this.#entries = new Map();
    let total = 0;
    for (const group of groups) {
      for (const [key, entry] of group) {
        this.#entries.set(key, entry);
        dirty.add(key);
      }
      total += group.length;
    }
    this.#groups = groups;
    this.#hasCollision = total > this.#entries.size;
    return dirty;
  }
}

/** All entries of groups by key, at once. */
export function entriesOf<Entry>(groups: readonly EntryGroup<Entry>[]): ReadonlyMap<string, Entry> {
  const desired = new DesiredEntries<Entry>();
  desired.update(groups);
  return desired.entries;
}

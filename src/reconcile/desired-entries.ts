// The desired entries of a table, followed from one desired state to the next. They come in groups (one endpoint's
// entries, all remote ranges) that their creator memoizes, so an unchanged group is the same object and is skipped as a
// whole: the cost of a change is the number of groups plus the size of the changed ones.

import { changedSpan } from '../base/changed-span.ts';
import type { EntryGroup } from './table.ts';

const none: ReadonlySet<string> = new Set();

export class DesiredEntries<Entry> {
  #groups: readonly EntryGroup<Entry>[] = [];
  #entries = new Map<string, Entry>();
  #hasCollision = false;

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  /**
   * Returns keys whose entry changed, was added or was removed, possibly with some others. If keys collide, the later
   * group wins.
   */
  update(groups: readonly EntryGroup<Entry>[]): ReadonlySet<string> {
    if (groups === this.#groups) return none;
    if (this.#hasCollision) return this.#rebuild(groups);
    const { gone, come } = changedGroups(this.#groups, groups);
    const dirty = new Set<string>();
    for (const group of gone) {
      for (const [key] of group) {
        this.#entries.delete(key);
        dirty.add(key);
      }
    }
    for (const group of come) {
      for (const [key, entry] of group) {
        if (this.#entries.has(key)) return this.#rebuild(groups, dirty);
        this.#entries.set(key, entry);
        dirty.add(key);
      }
    }
    this.#groups = groups;
    return dirty;
  }

  // While two groups want one key, the result of removing one of them cannot be derived from that group alone.
  #rebuild(
    groups: readonly EntryGroup<Entry>[],
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

interface ChangedGroups<Entry> {
  readonly gone: Iterable<EntryGroup<Entry>>;
  readonly come: Iterable<EntryGroup<Entry>>;
}

// Usually one group among thousands: only the part between the first and the last difference is examined.
function changedGroups<Entry>(
  before: readonly EntryGroup<Entry>[],
  after: readonly EntryGroup<Entry>[],
): ChangedGroups<Entry> {
  const { head, tail } = changedSpan(before, after);
  const gone = new Set(before.slice(head, before.length - tail));
  // A group that is given twice collides with itself.
  const come = after.slice(head, after.length - tail).filter((group) => !gone.delete(group));
  return { gone, come };
}

// A table in memory: the "kernel" is a map that a test may change, and every write can be made to fail.

import type { DesiredContents, EntryFailure, Table } from '../../src/reconcile/table.ts';

export interface FakeEntry {
  readonly key: string;
  readonly value: number;
}

export interface FakeTable extends Table<FakeEntry> {
  /** By key. Foreign entries have keys that start with `other`. */
  readonly kernel: Map<string, FakeEntry>;
  /** Every write in order: `set a=1`, `delete a`. */
  readonly log: string[];
  /** Decides which calls fail: `list`, `set a`, `delete a`. A test may replace it. */
  fails: (call: string) => boolean;
  /** The maximum number of entries; more are refused. */
  capacity: number;
}

export function fakeTable(name: string, log: string[] = []): FakeTable {
  const kernel = new Map<string, FakeEntry>();
  let last: { image: string; entries: ReadonlyMap<string, FakeEntry> } | undefined;
  const table: FakeTable = {
    name,
    kernel,
    log,
    fails: () => false,
    capacity: Number.POSITIVE_INFINITY,
    key: ({ key }) => key,
    equal: (left, right) => left.key === right.key && left.value === right.value,
    list() {
      if (table.fails('list')) throw new Error(`list ${name}: EPERM`);
      const ours = [...kernel.values()].filter(({ key }) => !key.startsWith('other'));
      // A kernel returns new objects; a table returns the same listing while nothing has changed.
      const image = JSON.stringify(ours);
      if (image !== last?.image) {
        last = { image, entries: new Map(ours.map((entry) => [entry.key, { ...entry }])) };
      }
      return last.entries;
    },
    set: (entries) =>
      attempt(entries, 'set', (entry) => {
        if (!kernel.has(entry.key) && kernel.size >= table.capacity) return 'E2BIG';
        kernel.set(entry.key, entry);
        log.push(`${name}: set ${entry.key}=${entry.value}`);
        return undefined;
      }),
    delete: (entries) =>
      attempt(entries, 'delete', ({ key }) => {
        kernel.delete(key);
        log.push(`${name}: delete ${key}`);
        return undefined;
      }),
  };

  function attempt(
    entries: readonly FakeEntry[],
    verb: string,
    write: (entry: FakeEntry) => string | undefined,
  ): readonly EntryFailure[] {
    return entries.flatMap((entry) => {
      const call = `${verb} ${entry.key}`;
      const code = table.fails(call) ? 'EBUSY' : write(entry);
      return code === undefined ? [] : [{ key: entry.key, error: new Error(`${call}: ${code}`) }];
    });
  }

  return table;
}

export function fakeEntries(values: Readonly<Record<string, number>>): Map<string, FakeEntry> {
  return new Map(Object.entries(values).map(([key, value]) => [key, { key, value }]));
}

/** All entries as one group, for `trackTable`. */
export function inOneGroup<Desired>(
  entriesOf: (desired: Desired) => ReadonlyMap<string, FakeEntry>,
): DesiredContents<Desired, FakeEntry, never> {
  return { groups: (desired) => [[...entriesOf(desired)]] };
}

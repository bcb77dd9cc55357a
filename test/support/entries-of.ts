import { DesiredEntries } from '../../src/reconcile/desired-entries.ts';
import type { EntryGroup } from '../../src/reconcile/table.ts';

/** All entries of groups by key, at once. */
export function entriesOf<Entry>(groups: readonly EntryGroup<Entry>[]): ReadonlyMap<string, Entry> {
  const desired = new DesiredEntries<Entry>();
  desired.update(groups);
  return desired.entries;
}

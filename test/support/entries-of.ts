import { DesiredEntries } from '../../src/reconcile/desired-entries.ts';
import type { DesiredContents } from '../../src/reconcile/table.ts';

/** All entries of a table by key, at once. */
export function entriesOf<Desired, Entry, Item>(
  contents: DesiredContents<Desired, Entry, Item>,
  desired: Desired,
): ReadonlyMap<string, Entry> {
  const entries = new DesiredEntries(contents);
  entries.update(desired);
  return entries.entries;
}

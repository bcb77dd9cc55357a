// What tables should hold, as far as it is of endpoints: each brings entries of its own.

import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { DesiredContents, EntryGroup } from '../reconcile/table.ts';

export type StateContents<Entry> = DesiredContents<DesiredState, Entry, LocalEndpoint>;

/** For a table that holds nothing else, and to be spread into others. */
export function ofEachEndpoint<Entry>(
  entriesOf: (endpoint: LocalEndpoint) => EntryGroup<Entry>,
): StateContents<Entry> {
  return { groups: () => [], items: { of: ({ endpoints }) => endpoints, entriesOf } };
}

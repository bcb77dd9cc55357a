// Map `underlay`: this node's end of the tunnels, and the interface by which pods' packets leave the node already
// encapsulated. An array: its only entry always exists, and is zero without an exit. The programs read it for each
// packet, except to check whether a pod sends to a tunnel port: that is checked once per flow, so each write starts a
// generation.

import { memoizeLast } from '../../base/memoize.ts';
import type { OverlayDevice } from '../../model/desired.ts';
import { parseAddress } from '../../net/address.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import type { StateContents } from '../contents.ts';
import type { Underlay } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './map-table.ts';

export type UnderlayEntry = MapEntry<number, Underlay>;

const none: Underlay = { address: parseAddress('::'), ifindex: 0, port: 0 };

export function underlayContents(): StateContents<UnderlayEntry> {
  const entries = memoizeLast(
    (overlay: OverlayDevice | undefined): EntryGroup<UnderlayEntry> => [
      ['uplink', { key: 0, value: overlay === undefined ? none : underlayOf(overlay) }],
    ],
  );
  return { groups: ({ overlay }) => [entries(overlay)] };
}

function underlayOf({ address, exit, port }: OverlayDevice): Underlay {
  return { address: address ?? none.address, ifindex: exit?.ifIndex ?? 0, port };
}

export function underlayTable(map: WritableMap<number, Underlay>): Table<UnderlayEntry> {
  return bpfMapTable({ name: 'underlay', map, show: () => 'uplink' });
}

// Map `underlay`: by what pods' packets leave the node already encapsulated. An array: its only entry is always there, and
// zero where there is nothing to say. The programs read it for each packet and remember nothing of it.

import { memoizeLast } from '../../base/memoize.ts';
import type { DesiredState, OverlayExit } from '../../model/desired.ts';
import { parseAddress } from '../../net/address.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import type { Underlay } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './bpf-map-table.ts';

export type UnderlayEntry = MapEntry<number, Underlay>;

const none: Underlay = { address: parseAddress('::'), ifindex: 0, port: 0 };

export function underlayEntries({ overlay }: DesiredState): readonly EntryGroup<UnderlayEntry>[] {
  return overlay?.exit === undefined ? entries(undefined, 0) : entries(overlay.exit, overlay.port);
}

const entries = memoizeLast(
  (exit: OverlayExit | undefined, port: number): readonly EntryGroup<UnderlayEntry>[] => {
    const value = exit && { address: exit.address, ifindex: exit.ifIndex, port };
    return [[['uplink', { key: 0, value: value ?? none }]]];
  },
);

export function underlayTable(map: WritableMap<number, Underlay>): Table<UnderlayEntry> {
  return bpfMapTable({ name: 'underlay', map, show: () => 'uplink' });
}

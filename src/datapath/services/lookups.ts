// Map `lookups`: the backend for each hash of a flow, of lists whose Service asks for consistent selection.

import type { BackendList, DesiredServices } from '../../model/services/plan/desired-services.ts';
import { lookupPlaces, lookupTable } from '../../model/services/plan/lookup-table.ts';
import type { DesiredContents, Keyed, Table } from '../../reconcile/table.ts';
import { type LookupBlock, lookupBlockCodec, type SlotKey } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from '../maps/map-table.ts';

export type LookupEntry = MapEntry<SlotKey, LookupBlock>;

const listBytes = 4;
const placeBytes = 2;
const blockPlaces = (lookupBlockCodec.size - listBytes) / placeBytes;

/** Elements of the map for each table. */
export const blocksPerTable: number = Math.ceil(lookupPlaces / blockPlaces);

export function lookupContents(): DesiredContents<DesiredServices, LookupEntry, BackendList> {
  return { groups: () => [], items: { of: ({ lookups }) => lookups, entriesOf: blocksOf } };
}

/** The elements of a list's table. */
export function blocksOf({ number: list, backends }: BackendList): readonly Keyed<LookupEntry>[] {
  const table = lookupTable(backends);
  return Array.from({ length: blocksPerTable }, (_, index) => {
    const slots = new Uint8Array(blockPlaces * placeBytes);
    const view = new DataView(slots.buffer);
    const part = table.subarray(index * blockPlaces, (index + 1) * blockPlaces);
    part.forEach((slot, place) => {
      view.setUint16(place * placeBytes, slot, true);
    });
    const key = { list, index };
    return [show(key), { key, value: { list, slots } }];
  });
}

export function lookupsTable(map: WritableMap<SlotKey, LookupBlock>): Table<LookupEntry> {
  return bpfMapTable({
    ...{ name: 'service-lookups', map, sizeKey: 'services.lookupTables', show },
    equal: (left, right) =>
      left.list === right.list && Buffer.compare(left.slots, right.slots) === 0,
  });
}

/** `7 block 3` */
function show({ list, index }: SlotKey): string {
  return `${list} block ${index}`;
}

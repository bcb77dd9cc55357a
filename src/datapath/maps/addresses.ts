// Map `addresses`: the location of exact addresses that this node must know: its own pods and itself.

import { joinLists } from '../../base/changed-span.ts';
import { memoize, memoizeEach } from '../../base/memoize.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import { type Location, locationKind } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './map-table.ts';

export type AddressMapEntry = MapEntry<Address, Location>;

export function addressMapEntries(desired: DesiredState): readonly EntryGroup<AddressMapEntry>[] {
  // The node's own come last: nothing may override them.
  return join(entriesOfEach(desired.endpoints), [hostEntries(desired.hostAddresses)]);
}

const join = joinLists<EntryGroup<AddressMapEntry>>();

export const addressMapEntriesOf: (endpoint: LocalEndpoint) => EntryGroup<AddressMapEntry> =
  memoize(({ addresses, hostIfIndex, id, bandwidth }) => {
    const value: Location = {
      kind: locationKind.endpoint,
      ifindex: hostIfIndex,
      endpointId: id,
      queued: bandwidth?.ingress === undefined ? 0 : 1,
    };
    return addresses.map((address) => [address, { key: address, value }]);
  });

const entriesOfEach = memoizeEach(addressMapEntriesOf);

const hostEntries: (addresses: readonly Address[]) => EntryGroup<AddressMapEntry> = memoize(
  (addresses) => {
    const value: Location = { kind: locationKind.host, ifindex: 0, endpointId: 0, queued: 0 };
    return addresses.map((address) => [address, { key: address, value }]);
  },
);

export function addressMapTable(map: WritableMap<Address, Location>): Table<AddressMapEntry> {
  return bpfMapTable({
    name: 'addresses',
    map,
    sizeKey: 'addressEntries',
    show: (address) => address,
  });
}

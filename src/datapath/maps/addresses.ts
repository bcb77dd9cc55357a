// Map `addresses`: the location of exact addresses that this node must know: its own pods and itself.

import { memoizeLast } from '../../base/memoize.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import { type Location, locationKind } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './map-table.ts';

export type AddressMapEntry = MapEntry<Address, Location>;

export function addressMapContents(): StateContents<AddressMapEntry> {
  const ofHost = memoizeLast(hostEntries);
  return {
    ...ofEachEndpoint(addressMapEntriesOf),
    // Nothing may take over the node's own.
    lastGroups: ({ hostAddresses, nodePortAddresses }) => [
      ofHost(hostAddresses, nodePortAddresses),
    ],
  };
}

export function addressMapEntriesOf({
  addresses,
  hostIfIndex,
  id,
  bandwidth,
}: LocalEndpoint): EntryGroup<AddressMapEntry> {
  const value: Location = {
    kind: locationKind.endpoint,
    ifindex: hostIfIndex,
    endpointId: id,
    queued: bandwidth?.ingress === undefined ? 0 : 1,
  };
  return addresses.map((address) => [address, { key: address, value }]);
}

function hostEntries(
  addresses: readonly Address[],
  nodePorts: readonly Address[] | undefined,
): EntryGroup<AddressMapEntry> {
  const has = new Set(nodePorts ?? addresses);
  return addresses.map((address) => {
    const kind = has.has(address) ? locationKind.host : locationKind.hostPlain;
    return [address, { key: address, value: { kind, ifindex: 0, endpointId: 0, queued: 0 } }];
  });
}

export function addressMapTable(map: WritableMap<Address, Location>): Table<AddressMapEntry> {
  return bpfMapTable({
    name: 'addresses',
    map,
    sizeKey: 'addressEntries',
    show: (address) => address,
  });
}

// Map `endpoints`: the pod behind a host interface. from_pod checks a pod's packets against it.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import { podQueue } from '../../model/pod-queue.ts';
import {
  type Address,
  type AddressFamily,
  addressFamily,
  parseAddress,
} from '../../net/address.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import type { Endpoint, EndpointKey } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './map-table.ts';

export type EndpointMapEntry = MapEntry<EndpointKey, Endpoint>;

/** The data path's form of an absent address. */
const noAddress = parseAddress('::');

export function endpointMapContents(): StateContents<EndpointMapEntry> {
  return ofEachEndpoint(endpointMapEntriesOf);
}

export function endpointMapEntriesOf(endpoint: LocalEndpoint): EntryGroup<EndpointMapEntry> {
  const key = { ifindex: endpoint.hostIfIndex };
  const value: Endpoint = {
    ipv4: addressOf(endpoint, 4),
    ipv6: addressOf(endpoint, 6),
    mac: endpoint.mac,
    id: endpoint.id,
    queue: podQueue(endpoint)?.ifIndex ?? 0,
  };
  return [[show(key), { key, value }]];
}

export function endpointMapTable(map: WritableMap<EndpointKey, Endpoint>): Table<EndpointMapEntry> {
  return bpfMapTable({ name: 'endpoints', map, sizeKey: 'endpointEntries', show });
}

function show({ ifindex }: EndpointKey): string {
  return `index ${ifindex}`;
}

function addressOf({ addresses }: LocalEndpoint, family: AddressFamily): Address {
  return addresses.find((address) => addressFamily(address) === family) ?? noAddress;
}

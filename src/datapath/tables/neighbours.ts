// Permanent neighbour entries: each pod address's MAC on its host-side interface, so that nobody asks by ARP or NDP.

import { memoize, memoizeEach } from '../../base/memoize.ts';
import { delNeighbour, listNeighbours, replaceNeighbour } from '../../kernel/netlink/neighbour.ts';
import type { Dumps } from '../../kernel/netlink/request.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { steadyListing } from '../../kernel/netlink/steady-listing.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import { routeProtocol } from './routes.ts';
import { writeBatch } from './writes.ts';

export interface NeighbourEntry {
  readonly ifIndex: IfIndex;
  readonly address: Address;
  readonly mac: Mac;
}

export function neighbourEntries(desired: DesiredState): readonly EntryGroup<NeighbourEntry>[] {
  return entriesOfEach(desired.endpoints);
}

export const entriesOfEndpoint: (endpoint: LocalEndpoint) => EntryGroup<NeighbourEntry> = memoize(
  ({ addresses, hostIfIndex, mac }) =>
    addresses.map((address) => {
      const entry = { ifIndex: hostIfIndex, address, mac };
      return [keyOf(entry), entry];
    }),
);

const entriesOfEach = memoizeEach(entriesOfEndpoint);

function keyOf({ address, ifIndex }: NeighbourEntry): string {
  return `${address} dev index ${ifIndex}`;
}

/** Ours are the permanent ones with our protocol number. */
export function neighbourTable(socket: NetlinkSocket): Table<NeighbourEntry> {
  const list = steadyListing(socket, listOurs);
  return {
    name: 'neighbours',
    key: keyOf,
    equal: (left, right) => left.mac === right.mac && keyOf(left) === keyOf(right),
    list,
    set: (wanted) =>
      writeBatch(socket, wanted, {
        key: keyOf,
        write: (entry, requests) =>
          replaceNeighbour(requests, { ...entry, state: 'permanent', protocol: routeProtocol }),
      }),
    delete: (surplus) =>
      writeBatch(socket, surplus, {
        key: keyOf,
        // ENODEV, ENXIO: it went with its interface.
        ignored: ['ENOENT', 'ENODEV', 'ENXIO'],
        write: (entry, requests) => delNeighbour(requests, entry),
      }),
  };
}

function listOurs(dumps: Dumps): ReadonlyMap<string, NeighbourEntry> {
  const found = listNeighbours(dumps).flatMap(({ ifIndex, address, mac, state, protocol }) => {
    if (state !== 'permanent' || mac === undefined || protocol !== routeProtocol) return [];
    const entry = { ifIndex, address, mac };
    return [[keyOf(entry), entry] as const];
  });
  return new Map(found);
}

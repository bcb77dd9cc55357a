// Permanent neighbour entries: the MAC of each pod address on its host interface, so that no ARP or NDP is needed.

import { memoizeLast } from '../../base/memoize.ts';
import {
  delNeighbour,
  listNeighbours,
  type Neighbour,
  replaceNeighbour,
} from '../../kernel/netlink/neighbour.ts';
import { steadyListing } from '../../kernel/netlink/protocol/steady-listing.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { routeProtocol } from '../../model/ids.ts';
import type { Address } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import { writeBatch } from '../writes.ts';

export interface NeighbourEntry {
  readonly ifIndex: IfIndex;
  readonly address: Address;
  readonly mac: Mac;
}

export function neighbourContents(): StateContents<NeighbourEntry> {
  return ofEachEndpoint(neighbourEntriesOf);
}

export function neighbourEntriesOf({
  addresses,
  hostIfIndex,
  mac,
}: LocalEndpoint): EntryGroup<NeighbourEntry> {
  return addresses.map((address) => {
    const entry = { ifIndex: hostIfIndex, address, mac };
    return [keyOf(entry), entry];
  });
}

function keyOf({ address, ifIndex }: NeighbourEntry): string {
  return `${address} dev index ${ifIndex}`;
}

/** Lists all neighbours of the node; the same array while none changes. Throws KernelError. */
export type NeighbourListing = () => readonly Neighbour[];

/** One for all neighbour tables, so that parsed entries are shared. */
export function neighbourListing(socket: NetlinkSocket): NeighbourListing {
  return steadyListing(socket, (dumps) => listNeighbours(dumps));
}

/** Heddle's are the permanent ones with its protocol number. */
export function neighbourTable(
  socket: NetlinkSocket,
  listing: NeighbourListing = neighbourListing(socket),
): Table<NeighbourEntry> {
  const oursOf = memoizeLast(ours);
  const list = (): ReadonlyMap<string, NeighbourEntry> => oursOf(listing());
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
        // ENODEV, ENXIO: it was deleted with its interface.
        ignored: ['ENOENT', 'ENODEV', 'ENXIO'],
        write: (entry, requests) => delNeighbour(requests, entry),
      }),
  };
}

/** Whether it is an entry for a pod's interface, created by heddle. */
export function isPodNeighbour({ state, protocol }: Neighbour): boolean {
  return state === 'permanent' && protocol === routeProtocol;
}

function ours(all: readonly Neighbour[]): ReadonlyMap<string, NeighbourEntry> {
  const found = all.flatMap((neighbour) => {
    const { ifIndex, address, mac } = neighbour;
    if (mac === undefined || !isPodNeighbour(neighbour)) return [];
    const entry = { ifIndex, address, mac };
    return [[keyOf(entry), entry] as const];
  });
  return new Map(found);
}

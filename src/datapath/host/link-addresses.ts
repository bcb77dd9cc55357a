// Addresses of the VXLAN device: the router address of each own pod range, the source of host packets to remote pods.
// Single addresses without a connected network: routes are in a separate table.

import { memoizeLast } from '../../base/memoize.ts';
import { delAddress, listAddresses, replaceAddress } from '../../kernel/netlink/address.ts';
import { linkByName } from '../../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { OverlayDevice, PodRange } from '../../model/desired.ts';
import { overlayDeviceName } from '../../model/ids.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { familyBits } from '../../net/prefix.ts';
import type { EntryGroup, Keyed, Table } from '../../reconcile/table.ts';
import type { StateContents } from '../contents.ts';
import { writeBatch } from '../writes.ts';

export interface LinkAddressEntry {
  readonly ifIndex: IfIndex;
  readonly ifName: string;
  readonly address: Address;
  readonly prefixLength: number;
}

/** Empty until the device exists. */
export function linkAddressContents(): StateContents<LinkAddressEntry> {
  const entries = memoizeLast(entriesOfDevice);
  return {
    groups: ({ overlay, podRanges }) =>
      overlay === undefined ? [] : [entries(overlay, podRanges)],
  };
}

function entriesOfDevice(
  { ifIndex, name }: OverlayDevice,
  podRanges: readonly PodRange[],
): EntryGroup<LinkAddressEntry> {
  if (ifIndex === undefined) return [];
  return podRanges.map(({ router }): Keyed<LinkAddressEntry> => {
    const prefixLength = familyBits(addressFamily(router));
    const entry = { ifIndex, ifName: name, address: router, prefixLength };
    return [keyOf(entry), entry];
  });
}

function keyOf({ address, prefixLength, ifName }: LinkAddressEntry): string {
  return `${address}/${prefixLength} dev ${ifName}`;
}

/** Heddle's are all addresses of global scope on its device. */
export function linkAddressTable(socket: NetlinkSocket): Table<LinkAddressEntry> {
  return {
    name: 'link-addresses',
    key: keyOf,
    equal: (left, right) => left.ifIndex === right.ifIndex && keyOf(left) === keyOf(right),
    list: () => {
      const link = linkByName(socket, overlayDeviceName);
      if (link === undefined) return new Map();
      const found = listAddresses(socket, { ifIndex: link.ifIndex })
        .filter(({ scope }) => scope === 'global')
        .map(({ ifIndex, address, prefixLength }) => {
          const entry = { ifIndex, ifName: link.name, address, prefixLength };
          return [keyOf(entry), entry] as const;
        });
      return new Map(found);
    },
    set: (wanted) =>
      writeBatch(socket, wanted, {
        key: keyOf,
        write: ({ ifIndex, address, prefixLength }, requests) =>
          replaceAddress(requests, { ifIndex, address, prefixLength, noDad: true }),
      }),
    delete: (surplus) =>
      writeBatch(socket, surplus, {
        key: keyOf,
        ignored: ['EADDRNOTAVAIL', 'ENODEV'],
        write: (entry, requests) => delAddress(requests, entry),
      }),
  };
}

// The only device that heddle creates: VXLAN with a tunnel key per packet, so that it serves all nodes.

import { memoizeLast } from '../../base/memoize.ts';
import { delLink, linkByName, setLink } from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { addVxlan } from '../../kernel/netlink/vxlan.ts';
import type { OverlayDevice } from '../../model/desired.ts';
import { overlayDeviceName, ownMacs } from '../../model/ids.ts';
import type { Mac } from '../../net/mac.ts';
import type { Port } from '../../net/port.ts';
import type { EntryGroup, Table } from '../../reconcile/table.ts';
import type { StateContents } from '../contents.ts';
import { sameFields } from '../same-fields.ts';
import { writeEach } from '../writes.ts';
import { namingPortHolder } from './port-holder.ts';

export interface LinkEntry {
  readonly name: string;
  /** UDP port. */
  readonly port: number;
  /** Absent if the device has no suitable one. */
  readonly mac: Mac | undefined;
  readonly mtuBytes: number;
  /** A VXLAN device with collected metadata, up, without ARP and without automatic addresses. */
  readonly sound: boolean;
}

export function linkContents(): StateContents<LinkEntry> {
  const entries = memoizeLast(entriesOfOverlay);
  return { groups: ({ overlay }) => (overlay === undefined ? [] : [entries(overlay)]) };
}

function entriesOfOverlay({ name, port, mtuBytes }: OverlayDevice): EntryGroup<LinkEntry> {
  const entry: LinkEntry = { name, port, mac: ownMacs.overlay, mtuBytes, sound: true };
  return [[name, entry]];
}

/** Heddle's is the device with its name. */
export function linkTable(socket: NetlinkSocket): Table<LinkEntry> {
  const key = ({ name }: LinkEntry): string => name;
  return {
    name: 'links',
    key,
    equal: sameFields,
    list: () => {
      const link = linkByName(socket, overlayDeviceName);
      return link === undefined ? new Map() : new Map([[link.name, asEntry(link)]]);
    },
    set: (entries) => writeEach(entries, { key, write: (entry) => setVxlan(socket, entry) }),
    delete: (entries) =>
      writeEach(entries, {
        key,
        ignored: ['ENODEV'],
        write: ({ name }) => {
          const link = linkByName(socket, name);
          if (link !== undefined) delLink(socket, link.ifIndex);
        },
      }),
  };
}

function asEntry(link: Link): LinkEntry {
  const { name, mac, mtuBytes, up, noArp, addrGenMode } = link;
  // If IPv6 is off there is no mode, and no automatic address.
  const makesNoAddress = addrGenMode === undefined || addrGenMode === 'none';
  const sound = isOverlay(link) && up && noArp && makesNoAddress;
  return { name, port: link.vxlan?.port ?? 0, mac, mtuBytes, sound };
}

// Port and metadata mode are fixed: a device with different ones is replaced.
function setVxlan(socket: NetlinkSocket, entry: LinkEntry): void {
  const { name, mac, mtuBytes } = entry;
  const found = linkByName(socket, name);
  const fits = found !== undefined && isOverlay(found) && found.vxlan?.port === entry.port;
  if (found !== undefined && !fits) delLink(socket, found.ifIndex);
  if (!fits) {
    const port = entry.port as Port;
    namingPortHolder(socket, entry, () =>
      addVxlan(socket, { name, port, collectMetadata: true, mac, mtuBytes, noArp: true }),
    );
  }
  const link = fits ? found : linkByName(socket, name);
  if (link === undefined) return;
  const { ifIndex } = link;
  setLink(socket, { ifIndex, mac, mtuBytes, noArp: true, ...withoutAddresses(link) });
  // In a separate request, because the mode applies when the link comes up.
  namingPortHolder(socket, entry, () => setLink(socket, { ifIndex, up: true }));
}

function withoutAddresses({ addrGenMode }: Link): { readonly addrGenMode?: 'none' } {
  return addrGenMode === undefined ? {} : { addrGenMode: 'none' };
}

function isOverlay({ vxlan }: Link): boolean {
  return vxlan?.collectMetadata === true;
}

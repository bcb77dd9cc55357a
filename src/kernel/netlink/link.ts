// Links: network interfaces. They are created in veth.ts, vxlan.ts and bridge.ts.

import type { IfIndex } from '../../net/if-index.ts';
import { isKernelError } from '../errno.ts';
import {
  type AddrGenMode,
  type Link,
  type LinkSettings,
  linkAttributes,
  linkMessages,
  readLink,
  writeAddrGenMode,
  writeLinkHeader,
  writeLinkInfo,
  writeLinkSettings,
} from './link-record.ts';
import type { MessageWriter } from './protocol/message.ts';
import type { Dumps, Query, Request, RequestSink } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';

/**
 * Changes a link. The IPv6 `addrGenMode` applies when the link comes up, and the kernel handles `up` first, so send it
 * in a separate request before.
 * Equivalent to: `ip link set dev X [up|down] [mtu N] [address MAC] [name N] [master M] [group N] [netns NS]
 * [addrgenmode M]`. Throws KernelError (ENODEV; EBUSY: renamed while up, on kernels that refuse it).
 */
export function setLink(
  requests: RequestSink,
  link: LinkSettings & {
    readonly ifIndex: IfIndex;
    readonly addrGenMode?: AddrGenMode | undefined;
  },
): void {
  requests.submit({
    call: 'link set',
    subject: describe(link),
    type: linkMessages.create,
    flags: 0,
    write: (message) => {
      writeLinkHeader(message, link);
      writeLinkSettings(message, link);
      writeAddrGenMode(message, link.addrGenMode);
    },
  });
}

/**
 * Deletes a link and, for a veth, its other end. A veth takes ~25 ms, during which the thread is blocked: see
 * `delLinkAsync`.
 * Equivalent to: `ip link delete dev X`. Throws KernelError (ENODEV).
 */
export function delLink(requests: RequestSink, ifIndex: IfIndex): void {
  requests.submit(deletion(ifIndex));
}

/**
 * Like `delLink`, without blocking the event loop. Several run concurrently, and the kernel waits for them together.
 */
export function delLinkAsync(socket: NetlinkSocket, ifIndex: IfIndex): Promise<void> {
  return socket.submitAsync(deletion(ifIndex));
}

/**
 * Deletes all links of a group together, with a single wait in the kernel: a hundred take as long as one. Do not use
 * group 0, the default of all links.
 * Equivalent to: `ip link delete group N`. Rejects with KernelError (ENODEV: there are none).
 */
export function delLinkGroupAsync(socket: NetlinkSocket, group: number): Promise<void> {
  return socket.submitAsync({
    call: 'link delete',
    subject: `group ${group}`,
    type: linkMessages.delete,
    flags: 0,
    write: (message) => {
      writeLinkHeader(message, {});
      message.u32Attribute(linkAttributes.group, group);
    },
  });
}

/** Equivalent to: `ip link show [type KIND] [master M]`; the kernel filters. */
export function listLinks(socket: Dumps, filter: LinkFilter = {}): Link[] {
  // On a kernel that has never created a link of the kind, the filter has no effect and all links are listed.
  return socket
    .dump(linkListing(filter), readLink)
    .filter((link) => filter.kind === undefined || link.kind === filter.kind);
}

export interface LinkFilter {
  readonly kind?: string;
  readonly master?: IfIndex;
}

/** The query of `listLinks`, for other readers of its answers. */
export function linkListing(filter: LinkFilter = {}): Query {
  return {
    call: 'link list',
    subject: filter.kind ?? '',
    type: linkMessages.get,
    write: (message) => {
      writeLinkHeader(message, {});
      skipStatistics(message);
      if (filter.master !== undefined) message.u32Attribute(linkAttributes.master, filter.master);
      const { kind } = filter;
      if (kind !== undefined) writeLinkInfo(message, kind);
    },
  };
}

/** Equivalent to: `ip link show dev NAME`. Undefined if there is none. Throws KernelError. */
export function linkByName(socket: NetlinkSocket, name: string): Link | undefined {
  return getLink(socket, { name }, name);
}

/** Undefined if there is none. Throws KernelError. */
export function linkByIndex(socket: NetlinkSocket, ifIndex: IfIndex): Link | undefined {
  return getLink(socket, { ifIndex }, `index ${ifIndex}`);
}

function getLink(
  socket: NetlinkSocket,
  which: { readonly name?: string; readonly ifIndex?: IfIndex },
  subject: string,
): Link | undefined {
  const query: Query = {
    call: 'link get',
    subject,
    type: linkMessages.get,
    write: (message) => {
      writeLinkHeader(message, which);
      if (which.name !== undefined) message.textAttribute(linkAttributes.name, which.name);
      skipStatistics(message);
    },
  };
  try {
    return socket.get(query, readLink);
  } catch (error) {
    // ERANGE: longer than a name can be.
    if (isKernelError(error, 'ENODEV', 'ERANGE')) return undefined;
    throw error;
  }
}

function deletion(ifIndex: IfIndex): Request {
  return {
    call: 'link delete',
    subject: `index ${ifIndex}`,
    type: linkMessages.delete,
    flags: 0,
    write: (message) => writeLinkHeader(message, { ifIndex }),
  };
}

// RTEXT_FILTER_SKIP_STATS: a third of a link's bytes are IPv6 counters that are not used here.
function skipStatistics(message: MessageWriter): void {
  message.u32Attribute(linkAttributes.extendedMask, 1 << 3);
}

function describe(link: LinkSettings & { readonly ifIndex: IfIndex }): string {
  const { ifIndex, name, mac, mtuBytes, up, master, group } = link;
  return [
    `index ${ifIndex}`,
    up === undefined ? '' : up ? 'up' : 'down',
    name === undefined ? '' : `name ${name}`,
    mac === undefined ? '' : `address ${mac}`,
    mtuBytes === undefined ? '' : `mtu ${mtuBytes}`,
    master === undefined ? '' : `master ${master}`,
    group === undefined ? '' : `group ${group}`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

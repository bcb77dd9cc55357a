// The kernel's connection tracking table through ctnetlink: list and delete by filter. Requires a netlink socket of the
// `netfilter` family and works in that socket's namespace: `NetlinkSocket.open({ family: 'netfilter', namespace })`.

import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import type { NetworkNamespace } from '../namespace.ts';
import { batch } from '../netlink/batch.ts';
import { Attributes } from '../netlink/protocol/attribute.ts';
import { type MessageWriter, malformed } from '../netlink/protocol/message.ts';
import type { Query, RequestSink } from '../netlink/protocol/request.ts';
import { NetlinkSocket } from '../netlink/socket.ts';
import {
  type ConntrackEntry,
  type ConntrackTuple,
  conntrackAttributes,
  conntrackHeaderSize,
  readConntrackEntry,
  writeConntrackHeader,
  writeOriginalTuple,
  writeTupleAddresses,
} from './conntrack-record.ts';

/** Selects conntrack entries; an absent field matches any value. */
export interface ConntrackFilter {
  readonly family?: AddressFamily | undefined;
  /** IP protocol number. */
  readonly protocol?: number | undefined;
  /** Packets of the initiator, as they arrive. */
  readonly original?: TupleFilter | undefined;
  /** Packets of the other side, as they arrive: with NAT their destination differs from the original source. */
  readonly reply?: TupleFilter | undefined;
  /** In any position, of either direction. */
  readonly address?: Address | undefined;
  /** Marks with `value` in the bits of `mask`. */
  readonly mark?: { readonly value: number; readonly mask: number } | undefined;
}

export interface TupleFilter {
  readonly source?: Address | undefined;
  readonly destination?: Address | undefined;
  readonly sourcePort?: Port | undefined;
  readonly destinationPort?: Port | undefined;
}

const subsystem = 1 << 8;
const messages = {
  get: subsystem | 1,
  delete: subsystem | 2,
  statisticsOfCpus: subsystem | 4,
  statistics: subsystem | 5,
} as const;

/**
 * Makes the kernel load connection tracking if it is a module: a BPF object that uses it can only be loaded afterwards.
 * Equivalent to: `conntrack -S`. Throws KernelError on a kernel without it.
 */
export function loadConntrack(socket: NetlinkSocket): void {
  const query: Query = {
    call: 'conntrack statistics',
    subject: 'all processors',
    type: messages.statisticsOfCpus,
    write: (message) => writeConntrackHeader(message, undefined),
  };
  socket.dump(query, () => undefined);
}

/**
 * Number of connections in the namespace, including those being created. The kernel keeps this number; a list without
 * results would make it search the table of all namespaces for milliseconds.
 * Equivalent to: `conntrack -C`. Throws KernelError.
 */
export function conntrackCount(socket: NetlinkSocket): number {
  const query: Query = {
    call: 'conntrack count',
    subject: '',
    type: messages.statistics,
    write: (message) => writeConntrackHeader(message, undefined),
  };
  const entries = 1;
  return socket.get(query, (payload) => {
    const count = new Attributes(payload.subarray(conntrackHeaderSize)).u32BigEndian(entries);
    if (count === undefined) throw malformed('conntrack statistics without a count');
    return count;
  });
}

/**
 * Equivalent to: `conntrack -L [-f F] [-p P] [--orig-src A] [--mark V/M] ...`. The kernel filters by family, mark and
 * the IPv4 addresses of the original direction; the rest is filtered here, at some 5 us per entry. Throws KernelError.
 */
export function listConntrack(
  socket: NetlinkSocket,
  filter: ConntrackFilter = {},
): ConntrackEntry[] {
  return socket.dump(listQuery(filter), (payload) => matchingEntry(payload, filter));
}

/**
 * Yields the matching entries, by default the whole table, some hundred at a time, while this thread does other work.
 * Entries added or deleted meanwhile may be missing or present.
 * Equivalent to: `conntrack -L ...`. Throws KernelError.
 */
export function conntrackPieces(
  socket: NetlinkSocket,
  filter: ConntrackFilter = {},
): AsyncIterable<readonly ConntrackEntry[]> {
  return socket.dumpInPieces(listQuery(filter), (payload) => matchingEntry(payload, filter));
}

/**
 * Deletes all matching entries and returns their number, not counting entries that expired meanwhile. An empty filter
 * flushes the table.
 * Equivalent to: `conntrack -D ...`. Throws KernelError.
 * @library
 */
export function deleteConntrack(socket: NetlinkSocket, filter: ConntrackFilter): number {
  return deleteConntrackEntries(socket, listConntrack(socket, filter));
}

/** Like `deleteConntrack`, for listed entries: each by its own handle. Throws KernelError. */
export function deleteConntrackEntries(
  socket: NetlinkSocket,
  entries: readonly ConntrackEntry[],
): number {
  const outcomes = batch(socket, (requests) => {
    for (const entry of entries) deleteEntry(requests, entry);
  });
  const failures = outcomes.filter((failure) => failure !== undefined);
  const serious = failures.find((failure) => failure.code !== 'ENOENT');
  if (serious !== undefined) throw serious;
  return entries.length - failures.length;
}

export interface RemovedConnections<Why> {
  readonly seen: number;
  readonly removed: ReadonlyMap<Why, number>;
}

/**
 * Deletes the entries for which `judge` returns a reason, in steps, so that a table of a hundred thousand entries delays no
 * one. `begin` makes it, and is called only if there are entries. `namespace`: default the thread's own. Rejects with
 * KernelError.
 */
export async function removeConnections<Why>(
  namespace: NetworkNamespace | undefined,
  begin: () => (entry: ConntrackEntry) => Why | undefined,
): Promise<RemovedConnections<Why>> {
  const removed = new Map<Why, number>();
  using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
  if (conntrackCount(socket) === 0) return { seen: 0, removed };
  using deletions = NetlinkSocket.open({ family: 'netfilter', namespace });
  const judge = begin();
  let seen = 0;
  for await (const piece of conntrackPieces(socket)) {
    seen += piece.length;
    const doomed: ConntrackEntry[] = [];
    for (const entry of piece) {
      const why = judge(entry);
      if (why === undefined) continue;
      doomed.push(entry);
      removed.set(why, (removed.get(why) ?? 0) + 1);
    }
    deleteConntrackEntries(deletions, doomed);
  }
  return { seen, removed };
}

function deleteEntry(requests: RequestSink, entry: ConntrackEntry): void {
  requests.submit({
    call: 'conntrack delete',
    subject: describeEntry(entry),
    type: messages.delete,
    flags: 0,
    write: (message) => {
      writeConntrackHeader(message, entry.family);
      writeOriginalTuple(message, entry);
      if (entry.zone !== undefined) {
        message.u16BigEndianAttribute(conntrackAttributes.zone, entry.zone);
      }
      // Another connection may have the same addresses and ports since the listing.
      message.u32BigEndianAttribute(conntrackAttributes.id, entry.id);
    },
  });
}

function listQuery(filter: ConntrackFilter): Query {
  return {
    call: 'conntrack list',
    subject: describeFilter(filter),
    type: messages.get,
    write: (message) => writeFilter(message, filter),
  };
}

function matchingEntry(payload: Buffer, filter: ConntrackFilter): ConntrackEntry | undefined {
  const entry = readConntrackEntry(payload);
  return entry !== undefined && matches(entry, filter) ? entry : undefined;
}

function matches(entry: ConntrackEntry, filter: ConntrackFilter): boolean {
  const { family, protocol, original, reply, address, mark } = filter;
  if (family !== undefined && entry.family !== family) return false;
  if (protocol !== undefined && entry.protocol !== protocol) return false;
  if (mark !== undefined && (entry.mark & mark.mask) >>> 0 !== mark.value) return false;
  if (original !== undefined && !tupleMatches(entry.original, original)) return false;
  if (reply !== undefined && !tupleMatches(entry.reply, reply)) return false;
  return address === undefined || touches(entry.original, address) || touches(entry.reply, address);
}

function tupleMatches(tuple: ConntrackTuple, filter: TupleFilter): boolean {
  return (
    (filter.source === undefined || tuple.source === filter.source) &&
    (filter.destination === undefined || tuple.destination === filter.destination) &&
    (filter.sourcePort === undefined || tuple.sourcePort === filter.sourcePort) &&
    (filter.destinationPort === undefined || tuple.destinationPort === filter.destinationPort)
  );
}

function touches(tuple: ConntrackTuple, address: Address): boolean {
  return tuple.source === address || tuple.destination === address;
}

function writeFilter(message: MessageWriter, filter: ConntrackFilter): void {
  const { mark, original } = filter;
  writeConntrackHeader(message, familyOfFilter(filter));
  if (mark !== undefined) {
    message.u32BigEndianAttribute(conntrackAttributes.mark, mark.value);
    message.u32BigEndianAttribute(conntrackAttributes.markMask, mark.mask);
  }
  if (original !== undefined) writeAddressFilter(message, original);
}

function familyOfFilter({
  family,
  original,
  reply,
  address,
}: ConntrackFilter): AddressFamily | undefined {
  const some = original?.source ?? original?.destination ?? reply?.source ?? reply?.destination;
  const known = some ?? address;
  return family ?? (known === undefined ? undefined : addressFamily(known));
}

/**
 * CTA_FILTER: which parts of the accompanying tuple count. IPv4 only: the kernel's comparison of IPv6 addresses is
 * inverted (seen in 6.18, ctnetlink_filter_match_tuple) and omits exactly the requested entries.
 */
function writeAddressFilter(message: MessageWriter, { source, destination }: TupleFilter): void {
  const some = source ?? destination;
  if (some === undefined || addressFamily(some) === 6) return;
  const originalFlags = 1;
  const flagSource = 1;
  const flagDestination = 2;
  const flags =
    (source === undefined ? 0 : flagSource) | (destination === undefined ? 0 : flagDestination);
  message.nest(conntrackAttributes.filter, () => message.u32Attribute(originalFlags, flags));
  message.nest(conntrackAttributes.original, () =>
    writeTupleAddresses(message, { source, destination }),
  );
}

function describeEntry({ protocol, original }: ConntrackEntry): string {
  const { source, sourcePort, destination, destinationPort } = original;
  const end = (address: Address, port: Port | undefined): string =>
    port === undefined ? address : `${address} ${port}`;
  return `protocol ${protocol} ${end(source, sourcePort)} -> ${end(destination, destinationPort)}`;
}

function describeFilter(filter: ConntrackFilter): string {
  return Object.keys(filter).length === 0 ? '' : JSON.stringify(filter);
}

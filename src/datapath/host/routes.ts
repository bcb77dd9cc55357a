// The kernel's routes for packets that take the stack: host traffic, masqueraded replies, ICMP errors. Heddle's have
// its protocol number; another process's route is never replaced.

import { unreachable } from '../../base/exhaustive.ts';
import { memoize, memoizeLast } from '../../base/memoize.ts';
import { isKernelError, KernelError } from '../../kernel/errno.ts';
import type { Dumps } from '../../kernel/netlink/protocol/request.ts';
import { steadyListing } from '../../kernel/netlink/protocol/steady-listing.ts';
import { addRoute, delRoute, listRoutes, replaceRoute } from '../../kernel/netlink/route.ts';
import { mainTable, type RouteRecord } from '../../kernel/netlink/route-record.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { PodRange, RemoteRange } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { routeProtocol } from '../../model/ids.ts';
import type { Address, AddressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { hostPrefix, type Prefix, prefixFamily } from '../../net/prefix.ts';
import type { EntryFailure, EntryGroup, Keyed, Table } from '../../reconcile/table.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import { sameFields } from '../same-fields.ts';
import { writeBatch } from '../writes.ts';

export interface RouteEntry {
  readonly destination: Prefix;
  readonly type: 'unicast' | 'unreachable';
  readonly gateway: Address | undefined;
  readonly ifIndex: IfIndex | undefined;
  /** Source address of host packets to the destination. */
  readonly source: Address | undefined;
}

export function routeContents(): StateContents<RouteEntry> {
  const ofOwn = memoizeLast((podRanges: readonly PodRange[]) => podRanges.map(ownRange));
  const ofRange = memoizeLast(remoteRange);
  // One group, in which unchanged ranges keep their entries: thousands of groups would cost every settle.
  const ofRanges = memoizeLast(
    (
      remoteRanges: readonly RemoteRange[],
      toEntries: (range: RemoteRange) => EntryGroup<RouteEntry>,
    ) => remoteRanges.flatMap(toEntries),
  );
  return {
    ...ofEachEndpoint(routeEntriesOf),
    groups: ({ podRanges, remoteRanges, overlay }) => {
      // The kernel accepts no route over a device that is down: only the failure of the device is reported, not one per
      // route.
      const device = overlay?.isDown ? undefined : overlay?.ifIndex;
      const toEntries = ofRange(device, routerOf(podRanges, 4), routerOf(podRanges, 6));
      return [ofOwn(podRanges), ofRanges(remoteRanges, toEntries)];
    },
  };
}

function routerOf(podRanges: readonly PodRange[], family: AddressFamily): Address | undefined {
  return podRanges.find(({ prefix }) => prefixFamily(prefix) === family)?.router;
}

export function routeEntriesOf({ addresses, hostIfIndex }: LocalEndpoint): EntryGroup<RouteEntry> {
  return addresses.map((address) => entry(hostPrefix(address), { ifIndex: hostIfIndex }));
}

// Addresses of the node's range without a pod: an ICMP error for the sender instead of a trip to the default gateway.
function ownRange({ prefix }: PodRange): Keyed<RouteEntry> {
  return entry(prefix, { type: 'unreachable' });
}

function remoteRange(
  overlay: IfIndex | undefined,
  router4: Address | undefined,
  router6: Address | undefined,
): (range: RemoteRange) => EntryGroup<RouteEntry> {
  return memoize(({ prefix, path }) => {
    switch (path.kind) {
      case 'native':
        return [entry(prefix, { gateway: path.nextHop, ifIndex: path.ifIndex })];
      case 'overlay': {
        if (overlay === undefined) return [];
        // Remote nodes route the router address, but not necessarily the node's own, back through the tunnel.
        const source = prefixFamily(prefix) === 4 ? router4 : router6;
        return [entry(prefix, { ifIndex: overlay, source })];
      }
      default:
        return unreachable(path);
    }
  });
}

function entry(destination: Prefix, rest: Partial<RouteEntry>): Keyed<RouteEntry> {
  const { type = 'unicast', gateway, ifIndex, source } = rest;
  return [destination, { destination, type, gateway, ifIndex, source }];
}

export function routeTable(socket: NetlinkSocket): Table<RouteEntry> {
  const key = ({ destination }: RouteEntry): string => destination;
  const list = steadyListing(
    socket,
    (dumps) => new Map(listOurs(dumps).map((found) => [found.destination, found])),
  );
  return {
    name: 'routes',
    key,
    equal: sameFields,
    list,
    set: (wanted) => {
      const failures = writeBatch(socket, wanted, {
        key,
        write: (route, requests) => addRoute(requests, asRoute(route)),
      });
      return replaceTaken(socket, wanted, { failures, list });
    },
    delete: (surplus) =>
      writeBatch(socket, surplus, {
        key,
        // ENODEV: it was deleted with its interface.
        ignored: ['ESRCH', 'ENOENT', 'ENODEV'],
        write: ({ destination, type }, requests) =>
          delRoute(requests, { ...asRoute({ destination, type, ...nowhere }), scope: 'nowhere' }),
      }),
  };
}

const nowhere = { gateway: undefined, ifIndex: undefined, source: undefined } as const;

interface Taken {
  /** Failed additions. */
  readonly failures: readonly EntryFailure[];
  /** Heddle's routes by destination, of which there are thousands: only changed ones are parsed. */
  list(): ReadonlyMap<string, RouteEntry>;
}

// Replacing would take over another process's route, so only heddle's routes are replaced.
function replaceTaken(
  socket: NetlinkSocket,
  wanted: readonly RouteEntry[],
  { failures, list }: Taken,
): readonly EntryFailure[] {
  const taken = failures.filter(({ error }) => isKernelError(error, 'EEXIST'));
  if (taken.length === 0) return failures;
  const ours = list();
  const takenKeys = new Set(taken.map(({ key }) => key));
  const key = ({ destination }: RouteEntry): string => destination;
  const replaceable = wanted.filter(
    ({ destination }) => takenKeys.has(destination) && ours.has(destination),
  );
  return [
    ...failures.filter(({ error }) => !isKernelError(error, 'EEXIST')),
    ...taken.filter(({ key: destination }) => !ours.has(destination)).map(foreign),
    ...writeBatch(socket, replaceable, {
      key,
      write: (route, requests) => replaceRoute(requests, asRoute(route)),
    }),
  ];
}

function foreign({ key, error }: EntryFailure): EntryFailure {
  const detail = 'another process has a route to it; that route is kept';
  const failure = { call: 'route add', subject: key, code: 'EEXIST', detail };
  return { key, error: new KernelError(failure, { cause: error }) };
}

function listOurs(socket: Dumps): readonly RouteEntry[] {
  return listRoutes(socket, { protocol: routeProtocol, table: mainTable }).flatMap(asEntry);
}

function asRoute({ destination, type, gateway, ifIndex, source }: RouteEntry): RouteRecord {
  return { destination, type, gateway, ifIndex, source, protocol: routeProtocol, table: mainTable };
}

/** The node's route to a pod's address, in the form that `delRoute` finds. */
export function podRoute(address: Address, ifIndex: IfIndex): RouteRecord {
  const destination = hostPrefix(address);
  return asRoute({ destination, type: 'unicast', ...nowhere, ifIndex });
}

// IPv6 lists unreachable routes on lo, IPv4 on no device.
function asEntry({
  destination,
  type,
  gateway,
  ifIndex,
  source,
}: RouteRecord): readonly RouteEntry[] {
  if (type === 'unreachable') return [{ destination, type, ...nowhere }];
  if (type !== 'unicast') return [];
  return [{ destination, type, gateway, ifIndex, source }];
}

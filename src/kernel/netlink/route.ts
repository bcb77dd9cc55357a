// Routes: add, replace, delete, list. Their fields and layout are in route-record.ts.

import type { Address, AddressFamily } from '../../net/address.ts';
import { addressBytes, addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { familyBits } from '../../net/prefix.ts';
import { isKernelError } from '../errno.ts';
import { withNextHopObjects } from './next-hop-object.ts';
import { familyNumbers } from './protocol/family.ts';
import { type MessageWriter, messageFlags } from './protocol/message.ts';
import type { Dumps, Query, Request, RequestSink } from './protocol/request.ts';
import {
  describeRoute,
  type RouteRecord,
  type RouteType,
  readRoute,
  routeAttributes,
  routeTypes,
  writeRoute,
  writeRouteHeader,
} from './route-record.ts';
import type { NetlinkSocket } from './socket.ts';

const messages = { create: 24, delete: 25, get: 26 } as const;
// rtm_protocol of struct rtmsg.
const protocolPlace = 5;
/** RTM_F_FIB_MATCH */
const fibMatch = 0x2000;
// Also for a route of type blackhole, unreachable or prohibit.
const noRoute = ['ENETUNREACH', 'EHOSTUNREACH', 'EACCES', 'EINVAL'];

/** Equivalent to: `ip route add [TYPE] PREFIX [via A] [dev X] ...`. Throws KernelError (EEXIST; ENETUNREACH: the gateway). */
export function addRoute(requests: RequestSink, route: RouteRecord): void {
  const how = messageFlags.create | messageFlags.exclusive;
  requests.submit(change('route add', messages.create, how, route));
}

/**
 * Creates the route, or replaces the one with the same destination, metric and table. IPv6 routes have metric 1024 by
 * default.
 * Equivalent to: `ip route replace ...`. Throws KernelError.
 */
export function replaceRoute(requests: RequestSink, route: RouteRecord): void {
  const how = messageFlags.create | messageFlags.replace;
  requests.submit(change('route replace', messages.create, how, route));
}

/**
 * Deletes the first route that matches all given fields, including type and scope in the form of `listRoutes`.
 * Equivalent to: `ip route delete ...`. Throws KernelError (ESRCH: there is none; ENOENT: not even its table).
 */
export function delRoute(requests: RequestSink, route: RouteRecord): void {
  requests.submit(change('route delete', messages.delete, 0, route));
}

export interface RouteFilter {
  /** Default: both. */
  readonly family?: AddressFamily | undefined;
  readonly table?: number | undefined;
  readonly protocol?: number | undefined;
  readonly type?: RouteType | undefined;
  readonly ifIndex?: IfIndex | undefined;
}

/**
 * Equivalent to: `ip [-4|-6] route show table T [proto P] [type TYPE] [dev X]`; all tables by default. The kernel
 * filters, so that heddle's few routes cost little among the many of a routing daemon. Throws KernelError.
 */
export function listRoutes(socket: Dumps, filter: RouteFilter = {}): RouteRecord[] {
  const families = filter.family === undefined ? ([4, 6] as const) : [filter.family];
  const routes = families.flatMap((family) => listFamily(socket, family, filter));
  return withNextHopObjects(socket, routes);
}

/**
 * The route of a packet to `destination` from this node.
 * Equivalent to: `ip route get A`. Throws KernelError (ENETUNREACH, EHOSTUNREACH: an unreachable route, EINVAL: a
 * blackhole).
 * @library
 */
export function lookUpRoute(socket: NetlinkSocket, destination: Address): RouteRecord | undefined {
  const family = addressFamily(destination);
  const query: Query = {
    call: 'route get',
    subject: destination,
    type: messages.get,
    write: (message) => {
      writeRouteHeader(message, { family, prefixLength: familyBits(family) });
      message.attribute(routeAttributes.destination, addressBytes(destination));
    },
  };
  return socket.get(query, readRoute);
}

/**
 * The listed route that a packet of this node to `destination` takes; undefined if none does.
 * Equivalent to: `ip route get fibmatch A`. Throws KernelError.
 */
export function matchedRoute(
  socket: Pick<NetlinkSocket, 'get'>,
  destination: Address,
): RouteRecord | undefined {
  const family = addressFamily(destination);
  const prefixLength = familyBits(family);
  const query: Query = {
    call: 'route match',
    subject: destination,
    type: messages.get,
    write: (message) => {
      writeRouteHeader(message, { family, prefixLength, flags: fibMatch });
      message.attribute(routeAttributes.destination, addressBytes(destination));
    },
  };
  try {
    return socket.get(query, readRoute);
  } catch (error) {
    if (isKernelError(error, ...noRoute)) return undefined;
    throw error;
  }
}

/** Whether a listed route is of this protocol, before it is parsed. The kernel cannot omit those of one protocol. */
export function isOfProtocol(payload: Buffer, protocol: number): boolean {
  return payload[protocolPlace] === protocol;
}

function listFamily(socket: Dumps, family: AddressFamily, filter: RouteFilter): RouteRecord[] {
  const query: Query = {
    call: 'route list',
    subject: `IPv${family}${filter.table === undefined ? '' : ` table ${filter.table}`}`,
    type: messages.get,
    write: (message) => writeFilter(message, family, filter),
  };
  try {
    return socket.dump(query, readRoute);
  } catch (error) {
    // A table that never had a route does not exist.
    if (filter.table !== undefined && isKernelError(error, 'ENOENT')) return [];
    throw error;
  }
}

function writeFilter(message: MessageWriter, family: AddressFamily, filter: RouteFilter): void {
  const { table, protocol, type, ifIndex } = filter;
  // struct rtmsg; with strict checking the kernel filters by every field and attribute that is set.
  message.u8(familyNumbers[family]).u8(0).u8(0).u8(0);
  message
    .u8(0)
    .u8(protocol ?? 0)
    .u8(0)
    .u8(type === undefined ? 0 : routeTypes[type])
    .u32(0);
  if (table !== undefined) message.u32Attribute(routeAttributes.table, table);
  if (ifIndex !== undefined) message.u32Attribute(routeAttributes.outputIfIndex, ifIndex);
}

function change(call: string, type: number, how: number, route: RouteRecord): Request {
  return {
    call,
    subject: describeRoute(route),
    type,
    flags: how,
    write: (message) => writeRoute(message, route),
  };
}

// Next-hop objects (`ip nexthop`): a route may refer to one instead of an interface and a gateway. With
// `net.ipv4.nexthop_compat_mode` 0, which routing daemons with many routes use, the kernel lists such a route with only
// the object's number.

import type { AddressFamily } from '../../net/address.ts';
import { Attributes } from './protocol/attribute.ts';
import { familyNumbers } from './protocol/family.ts';
import { malformed } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { Dumps, Query, RequestSink } from './protocol/request.ts';
import type { RouteRecord, WeightedNextHop } from './route-record.ts';

type Hop = Pick<RouteRecord, 'ifIndex' | 'gateway'>;

interface GroupMember {
  readonly id: number;
  readonly weight: number;
}

interface NextHopObject extends Hop {
  readonly id: number;
  /** A group has members instead of an interface. */
  readonly members?: readonly GroupMember[] | undefined;
}

const messages = { delete: 105, get: 106 } as const;
// linux/nexthop.h: NHA_*
const attributeTypes = { id: 1, group: 2, outputIfIndex: 5, gateway: 6, groups: 9 } as const;
// struct nhmsg
const headerSize = 8;
// struct nexthop_grp: number, weight - 1 (16 bits in two bytes since Linux 6.12)
const memberSize = 8;

/** Adds to each route with a next-hop object the interfaces and gateways of that object. Throws KernelError. */
export function withNextHopObjects(socket: Dumps, routes: RouteRecord[]): RouteRecord[] {
  if (routes.every(({ nextHopId }) => nextHopId === undefined)) return routes;
  const objects = new Map(listNextHopObjects(socket).map((object) => [object.id, object]));
  return routes.map((route) => {
    const { nextHopId, ...rest } = route;
    const object = nextHopId === undefined ? undefined : objects.get(nextHopId);
    return object === undefined ? route : { ...rest, ...waysOf(object, objects) };
  });
}

/** Equivalent to: `ip nexthop show`. Throws KernelError (EMSGSIZE: a group has thousands of members). */
export function listNextHopObjects(socket: Dumps): readonly NextHopObject[] {
  return socket.dump(nextHopListing('all'), readNextHopObject);
}

/**
 * Lists groups, or objects of one family that are not groups.
 * Equivalent to: `ip nexthop show groups`, `ip -4 nexthop show`.
 */
export function nextHopListing(kind: 'all' | 'groups' | AddressFamily): Query {
  const family = typeof kind === 'number' ? familyNumbers[kind] : 0;
  return {
    ...{ call: 'nexthop list', subject: String(kind), type: messages.get },
    write: (message) => {
      message.u8(family).u8(0).u8(0).u8(0).u32(0);
      if (kind === 'groups') message.flag(attributeTypes.groups);
    },
  };
}

/** Reads the number of an object only. */
export function readNextHopId(payload: Buffer): number | undefined {
  return new Attributes(payload.subarray(headerSize)).u32(attributeTypes.id);
}

/** Equivalent to: `ip nexthop del id N`. Throws KernelError (ENOENT). */
export function delNextHop(requests: RequestSink, id: number): void {
  requests.submit({
    ...{ call: 'nexthop del', subject: `id ${id}`, type: messages.delete, flags: 0 },
    write: (message) => {
      message.u32(0).u32(0);
      message.u32Attribute(attributeTypes.id, id);
    },
  });
}

/** Reads RTM_NEWNEXTHOP; undefined for one without a number. Throws KernelError EBADMSG. */
function readNextHopObject(payload: Buffer): NextHopObject | undefined {
  if (payload.length < headerSize) throw malformed(`next-hop object of ${payload.length} bytes`);
  const attributes = new Attributes(payload.subarray(headerSize));
  const id = attributes.u32(attributeTypes.id);
  if (id === undefined) return undefined;
  return withoutAbsent<NextHopObject>({
    id,
    ifIndex: attributes.ifIndex(attributeTypes.outputIfIndex),
    gateway: attributes.address(attributeTypes.gateway),
    members: readMembers(attributes.view(attributeTypes.group)),
  });
}

function readMembers(bytes: Buffer | undefined): readonly GroupMember[] | undefined {
  if (bytes === undefined) return undefined;
  if (bytes.length % memberSize !== 0) throw malformed(`next-hop group of ${bytes.length} bytes`);
  return Array.from({ length: bytes.length / memberSize }, (_, index) => {
    const start = index * memberSize;
    const weight = bytes.readUInt8(start + 4) + bytes.readUInt8(start + 5) * 256 + 1;
    return { id: bytes.readUInt32LE(start), weight };
  });
}

function waysOf(
  { ifIndex, gateway, members }: NextHopObject,
  objects: ReadonlyMap<number, NextHopObject>,
): Pick<RouteRecord, 'ifIndex' | 'gateway' | 'nextHops'> {
  if (members === undefined) return withoutAbsent<Hop>({ ifIndex, gateway });
  const nextHops = members.flatMap(({ id, weight }) => {
    const hop = objects.get(id);
    if (hop?.ifIndex === undefined) return [];
    return [withoutAbsent<WeightedNextHop>({ ifIndex: hop.ifIndex, gateway: hop.gateway, weight })];
  });
  return { nextHops };
}

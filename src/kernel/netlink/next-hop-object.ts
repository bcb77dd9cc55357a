// Next-hop objects (`ip nexthop`): a route may refer to one instead of an interface and a gateway. With
// `net.ipv4.nexthop_compat_mode` 0, which routing daemons with many routes use, the kernel lists such a route with only
// the object's number.

import { Attributes } from './protocol/attribute.ts';
import { malformed } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { Dumps } from './protocol/request.ts';
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

const messageGet = 106;
// linux/nexthop.h: NHA_*
const attributeTypes = { id: 1, group: 2, outputIfIndex: 5, gateway: 6 } as const;
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

/** Equivalent to: `ip nexthop show`. */
function listNextHopObjects(socket: Dumps): readonly NextHopObject[] {
  return socket.dump(
    {
      ...{ call: 'nexthop list', subject: 'all', type: messageGet },
      write: (message) => void message.u32(0).u32(0),
    },
    readNextHopObject,
  );
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

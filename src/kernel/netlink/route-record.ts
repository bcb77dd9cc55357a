// A route in rtnetlink's layout (linux/rtnetlink.h: struct rtmsg and RTA_*).

import {
  type Address,
  type AddressFamily,
  addressBytes,
  addressFamily,
} from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import {
  familyBits,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from '../../net/prefix.ts';
import { Attributes, decodeAddress } from './protocol/attribute.ts';
import { familyNumbers, familyOf, type Scope, scopeNumber, scopeOf } from './protocol/family.ts';
import { type MessageWriter, malformed } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';

/** `main` and `local`, as `ip route show table` calls them (linux/rtnetlink.h). */
export const mainTable = 254;
export const localTable = 255;

export interface RouteRecord {
  /** The default route is `0.0.0.0/0` or `::/0`. */
  readonly destination: Prefix;
  readonly type: RouteType;
  /**
   * Who set it (/etc/iproute2/rt_protos): 2 the kernel, 3 boot, 4 static; a program marks its routes with its own
   * number.
   */
  readonly protocol: number;
  /** `mainTable`, `localTable` or another one. */
  readonly table: number;
  /** May be of the other family (RFC 5549: IPv4 via an IPv6 neighbour). */
  readonly gateway?: Address | undefined;
  readonly ifIndex?: IfIndex | undefined;
  /**
   * IPv4 only. Default as in `ip`: `host` for local routes, `link` for those without a gateway, otherwise `global`.
   * IPv6 routes are always `global`.
   */
  readonly scope?: Scope | undefined;
  /** Smaller wins. IPv4: absent means 0. IPv6: the kernel replaces an absent one by 1024 and lists it so. */
  readonly metric?: number | undefined;
  /** The gateway is on the link although no connected route covers it. */
  readonly onlink?: boolean | undefined;
  /** Source address of packets that have none yet. */
  readonly source?: Address | undefined;
  readonly mtuBytes?: number | undefined;
  /** Next hops of a multipath route, instead of `gateway` and `ifIndex`. */
  readonly nextHops?: readonly WeightedNextHop[] | undefined;
  /** Read only: number of the next-hop object, if the kernel lists only that. */
  readonly nextHopId?: number | undefined;
}

export interface WeightedNextHop {
  readonly ifIndex: IfIndex;
  readonly gateway?: Address | undefined;
  /** Relative share, 1-256. */
  readonly weight: number;
}

// RTN_*
/** RTN_* (linux/rtnetlink.h). */
export const routeTypes = {
  unicast: 1,
  local: 2,
  broadcast: 3,
  anycast: 4,
  multicast: 5,
  blackhole: 6,
  unreachable: 7,
  prohibit: 8,
  throw: 9,
  nat: 10,
  xresolve: 11,
} as const;

export type RouteType = keyof typeof routeTypes;

export const routeAttributes = {
  destination: 1,
  outputIfIndex: 4,
  gateway: 5,
  metric: 6,
  source: 7,
  metrics: 8,
  multipath: 9,
  table: 15,
  via: 18,
  nextHopId: 30,
} as const;
const metricMtu = 2;
const flagOnlink = 4;
const headerSize = 12;
// RT_TABLE_COMPAT: the header has one byte for the table; the attribute has the whole number.
const tableInAttribute = 252;

/**
 * Reads RTM_NEWROUTE and RTM_DELROUTE; undefined for families other than IPv4 and IPv6, and for types of later kernels.
 * Throws KernelError EBADMSG.
 */
export function readRoute(payload: Buffer): RouteRecord | undefined {
  if (payload.length < headerSize) throw malformed(`route of ${payload.length} bytes`);
  const family = familyOf(payload.readUInt8(0));
  const type = routeTypeNames.get(payload.readUInt8(7));
  if (family === undefined || type === undefined) return undefined;
  const attributes = new Attributes(payload.subarray(headerSize));
  const flags = payload.readUInt32LE(8);
  const ifIndex = attributes.ifIndex(routeAttributes.outputIfIndex);
  const nextHops = readNextHops(attributes);
  const hasWays = ifIndex !== undefined || nextHops !== undefined;
  return withoutAbsent<RouteRecord>({
    destination: readDestination(family, payload.readUInt8(1), attributes),
    type,
    protocol: payload.readUInt8(5),
    table: attributes.u32(routeAttributes.table) ?? payload.readUInt8(4),
    scope: scopeOf(payload.readUInt8(6)),
    ifIndex,
    gateway: readGateway(attributes),
    metric: attributes.u32(routeAttributes.metric),
    onlink: (flags & flagOnlink) !== 0 ? true : undefined,
    source: attributes.address(routeAttributes.source),
    mtuBytes: attributes.nested(routeAttributes.metrics)?.u32(metricMtu),
    nextHops,
    nextHopId: hasWays ? undefined : attributes.u32(routeAttributes.nextHopId),
  });
}

export function writeRoute(message: MessageWriter, route: RouteRecord): void {
  const { destination, ifIndex, gateway, nextHops, metric, source, mtuBytes } = route;
  const length = prefixLength(destination);
  writeRouteHeader(message, {
    family: prefixFamily(destination),
    prefixLength: length,
    table: route.table,
    protocol: route.protocol,
    scope: scopeNumber(route.scope ?? usualScope(route)),
    type: routeTypes[route.type],
    flags: route.onlink ? flagOnlink : 0,
  });
  if (length > 0) {
    message.attribute(routeAttributes.destination, addressBytes(prefixAddress(destination)));
  }
  if (route.table > 255) message.u32Attribute(routeAttributes.table, route.table);
  if (ifIndex !== undefined) message.u32Attribute(routeAttributes.outputIfIndex, ifIndex);
  if (gateway !== undefined) writeGateway(message, prefixFamily(destination), gateway);
  if (nextHops !== undefined) writeNextHops(message, prefixFamily(destination), nextHops);
  if (metric !== undefined) message.u32Attribute(routeAttributes.metric, metric);
  if (source !== undefined) message.attribute(routeAttributes.source, addressBytes(source));
  if (mtuBytes !== undefined) {
    message.nest(routeAttributes.metrics, () => message.u32Attribute(metricMtu, mtuBytes));
  }
}

/** struct rtmsg; absent fields are zero. */
export function writeRouteHeader(
  message: MessageWriter,
  header: {
    readonly family: AddressFamily;
    readonly prefixLength: number;
    readonly table?: number;
    readonly protocol?: number;
    readonly scope?: number;
    readonly type?: number;
    readonly flags?: number;
  },
): void {
  const { table = 0 } = header;
  message
    .u8(familyNumbers[header.family])
    .u8(header.prefixLength)
    .u8(0)
    .u8(0)
    .u8(table > 255 ? tableInAttribute : table)
    .u8(header.protocol ?? 0)
    .u8(header.scope ?? 0)
    .u8(header.type ?? 0)
    .u32(header.flags ?? 0);
}

/** As `ip route` prints it: `192.0.2.0/24 via 198.51.100.1 dev index 3`. */
export function describeRoute(route: RouteRecord): string {
  const { type, destination, gateway, ifIndex, table } = route;
  return [
    type === 'unicast' ? '' : `${type} `,
    destination,
    gateway === undefined ? '' : ` via ${gateway}`,
    ifIndex === undefined ? '' : ` dev index ${ifIndex}`,
    table === mainTable ? '' : ` table ${table}`,
  ].join('');
}

function usualScope({ destination, type, gateway, nextHops }: RouteRecord): Scope {
  if (prefixFamily(destination) === 6) return 'global';
  if (type === 'local') return 'host';
  const isDirect = gateway === undefined && nextHops === undefined;
  return type === 'unicast' && isDirect ? 'link' : 'global';
}

function writeGateway(message: MessageWriter, family: AddressFamily, gateway: Address): void {
  const bytes = addressBytes(gateway);
  const gatewayFamily = addressFamily(gateway);
  if (gatewayFamily === family) {
    message.attribute(routeAttributes.gateway, bytes);
    return;
  }
  const via = Buffer.alloc(2 + bytes.length);
  via.writeUInt16LE(familyNumbers[gatewayFamily]);
  via.set(bytes, 2);
  message.attribute(routeAttributes.via, via);
}

function readGateway(attributes: Attributes): Address | undefined {
  const via = attributes.view(routeAttributes.via);
  return via === undefined
    ? attributes.address(routeAttributes.gateway)
    : decodeAddress(via.subarray(2));
}

function readDestination(family: AddressFamily, length: number, attributes: Attributes): Prefix {
  if (length > familyBits(family)) throw malformed(`IPv${family} prefix length ${length}`);
  // The kernel omits the destination of a default route.
  const address =
    attributes.address(routeAttributes.destination) ?? (family === 4 ? '0.0.0.0' : '::');
  return `${address}/${length}` as Prefix;
}

/** struct rtnexthop: length, flags, hops (weight - 1), interface; then its own attributes. */
function writeNextHops(
  message: MessageWriter,
  family: AddressFamily,
  hops: readonly WeightedNextHop[],
): void {
  message.nest(routeAttributes.multipath, () => {
    for (const { ifIndex, gateway, weight } of hops) {
      message.sized(() => {
        message
          .u8(0)
          .u8(weight - 1)
          .u32(ifIndex);
        if (gateway !== undefined) writeGateway(message, family, gateway);
      });
    }
  });
}

function readNextHops(attributes: Attributes): readonly WeightedNextHop[] | undefined {
  const bytes = attributes.view(routeAttributes.multipath);
  if (bytes === undefined) return undefined;
  const hopHeader = 8;
  const hops: WeightedNextHop[] = [];
  for (let start = 0; start + hopHeader <= bytes.length; ) {
    const length = bytes.readUInt16LE(start);
    if (length < hopHeader || start + length > bytes.length) {
      throw malformed(`next hop of ${length} bytes`);
    }
    const own = new Attributes(bytes.subarray(start + hopHeader, start + length));
    hops.push(
      withoutAbsent<WeightedNextHop>({
        ifIndex: bytes.readUInt32LE(start + 4) as IfIndex,
        gateway: readGateway(own),
        weight: bytes.readUInt8(start + 3) + 1,
      }),
    );
    start += (length + 3) & ~3;
  }
  return hops;
}

const routeTypeNames = new Map<number, RouteType>(
  Object.entries(routeTypes).map(([name, number]) => [number, name as RouteType]),
);

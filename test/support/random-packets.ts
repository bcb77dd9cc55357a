// Random packets for test runs of the data path's programs, and changes of them.

import type { ProgramName } from '../../src/datapath/generated.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import { protocols } from '../../src/net/protocol.ts';
import {
  type AddressByFamily,
  db,
  places,
  strangerIfIndex,
  tunnelDevice,
  tunnelPort,
  uplink,
  web,
} from './datapath-network.ts';
import { macOn } from './datapath-oracle.ts';
import {
  ethernet,
  etherTypes,
  extension,
  fragment,
  icmpEcho,
  icmpError,
  icmpProtocol,
  ip,
  nextHeaders,
  sctp,
  tcp,
  udp,
} from './packets.ts';
import type { Random } from './random.ts';

/** Program -> the interfaces whose packets it may see; only those that the oracle knows. */
export const judgedHooks: readonly (readonly [ProgramName, readonly IfIndex[]])[] = [
  ['from_pod', [web.ifIndex, web.ifIndex, web.ifIndex, db.ifIndex, strangerIfIndex]],
  ['to_pod', [db.ifIndex]],
  ['from_network', [uplink]],
  ['from_overlay', [tunnelDevice]],
];
const everyPlace = [web, db, db, ...Object.values(places)];
const podMacs = [web.mac, web.mac, web.mac, db.mac];

/** Well formed, except for some lengths and headers that contradict each other. */
export function randomPacket(random: Random, program: ProgramName, ifIndex: IfIndex): Uint8Array {
  const family = random.pick([4, 6] as const);
  const source = random.oneIn(8) ? random.pick(everyPlace) : usualSource(ifIndex);
  const { protocol, payload } = randomBody(random, family);
  const header = {
    source: source[family],
    destination: random.pick(everyPlace)[family],
    protocol,
    options: new Uint8Array(random.oneIn(4) ? random.below(11) * 4 : 0),
    ...(random.oneIn(10) ? { fragmentOffset: random.below(8) * 8 } : {}),
    moreFragments: random.oneIn(10),
  };
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  const sourceMac = ifIndex === db.ifIndex ? db.mac : random.pick(podMacs);
  const macs = { source: sourceMac, destination: macOn(program) };
  return ethernet({ ...macs, type }, ip(header, payload));
}

function usualSource(ifIndex: IfIndex): AddressByFamily {
  if (ifIndex === uplink) return places.native;
  if (ifIndex === tunnelDevice) return places.tunnelled;
  return ifIndex === db.ifIndex ? db : web;
}

function randomBody(random: Random, family: 4 | 6): { protocol: number; payload: Uint8Array } {
  const size = random.oneIn(6) ? random.below(1600) : random.below(40);
  const data = new Uint8Array(size);
  const toTunnel = random.oneIn(6) ? tunnelPort : undefined;
  const ports = { sourcePort: random.below(4), destinationPort: toTunnel ?? random.below(4) };
  const flags = random.below(256);
  const bodies: readonly (readonly [number, Uint8Array])[] = [
    [protocols.tcp, tcp({ ...ports, flags, dataOffset: 5 + random.below(4) }, data)],
    [protocols.udp, udp(ports, data)],
    [protocols.sctp, sctp(ports, data)],
    [protocols.icmp, icmpEcho(4, { id: random.below(4) })],
    [protocols.icmpv6, icmpEcho(6, { id: random.below(4) })],
    [icmpProtocol(family), icmpError(random.pick(icmpTypes), randomQuote(random, family))],
    [random.below(256), data],
  ];
  let [protocol, payload] = random.pick(bodies);
  const depth = family === 6 && random.oneIn(2) ? random.below(9) : 0;
  for (let i = 0; i < depth; i++) [protocol, payload] = wrapped(random, protocol, payload);
  return { protocol, payload };
}

/** Errors of both families, and similar types. */
const icmpTypes = [1, 2, 3, 4, 5, 9, 11, 12, 13, 127, 130, 133, 134, 135, 136, 137, 138];

/** Most quote a packet that web or db sent; some are cut off. */
function randomQuote(random: Random, family: 4 | 6): Uint8Array {
  const [one, other] = [random.pick(everyPlace), random.pick(everyPlace)];
  const [from, to] = random.pick([
    [one, web],
    [db, other],
    [one, other],
  ] as const);
  const header = { source: from[family], destination: to[family], protocol: protocols.udp };
  const quote = ip(header, udp({ sourcePort: 1, destinationPort: 2 }));
  return random.oneIn(4) ? quote.slice(0, random.below(quote.length)) : quote;
}

function wrapped(random: Random, next: number, payload: Uint8Array): [number, Uint8Array] {
  const { hopByHop, routing, authentication, destinationOptions } = nextHeaders;
  if (random.oneIn(6)) {
    const offset = random.oneIn(2) ? 0 : random.below(100) * 8;
    return [nextHeaders.fragment, fragment({ next, offset }, payload)];
  }
  const kind = random.pick([hopByHop, routing, authentication, destinationOptions]);
  return [kind, extension({ kind, next, length: 8 + random.below(5) * 8 }, payload)];
}

/** Values that have a meaning where they may be written: versions, protocols, next headers. */
export const tellingBytes: readonly number[] = [
  0, 1, 4, 5, 6, 17, 43, 44, 51, 58, 59, 60, 127, 128, 132, 254, 255,
];
/** The kernel's test run refuses shorter IP packets before the program sees them. */
export const shortest = 54;

/** The packet with changed bytes, cut off, or unchanged. */
export function damaged(random: Random, packet: Uint8Array): Uint8Array {
  let result = packet;
  for (let damages = random.pick([0, 0, 1, 1, 2, 4]); damages > 0; damages--) {
    if (random.oneIn(4)) {
      const length = shortest + random.below(Math.max(1, result.length - shortest));
      result = result.slice(0, Math.max(shortest, length));
    }
    const at = random.below(Math.min(result.length, random.oneIn(3) ? result.length : 60));
    const value = random.oneIn(2) ? random.pick(tellingBytes) : random.below(256);
    result = result.slice();
    result[at] = value;
  }
  return result;
}

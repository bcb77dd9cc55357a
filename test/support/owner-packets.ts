// Packets between pods as each program receives them, and entries of the kernel's connection tracking that own them or
// not.

import type { ProgramName } from '../../src/datapath/generated.ts';
import { skBuff } from '../../src/kernel/bpf/sk-buff.ts';
import type { Address, AddressFamily } from '../../src/net/address.ts';
import type { IfIndex } from '../../src/net/if-index.ts';
import type { Mac } from '../../src/net/mac.ts';
import { protocols } from '../../src/net/protocol.ts';
import type { TestDatapath } from './datapath.ts';
import {
  type AddressByFamily,
  db,
  hostMac,
  hostSideMac,
  places,
  tunnelDevice,
  uplink,
  web,
} from './datapath-network.ts';
import { observe } from './datapath-outcome.ts';
import { runIn } from './namespaces.ts';
import {
  ethernet,
  etherTypes,
  fragment,
  icmpEcho,
  icmpProtocol,
  icmpTooBig,
  ip,
  nextHeaders,
  sctp,
  tcp,
  tcpFlags,
  udp,
} from './packets.ts';

/** One packet's hook, sender and receiver. */
export interface Hop {
  readonly program: Extract<ProgramName, 'from_pod' | 'from_network' | 'from_overlay'>;
  readonly ifIndex: IfIndex;
  readonly mac: Mac;
  readonly from: AddressByFamily;
  readonly to: AddressByFamily;
}

type HopName =
  | 'answerOfPod'
  | 'answerToNeighbour'
  | 'answerIntoTunnel'
  | 'answerOfNeighbour'
  | 'answerFromTunnel';

const ofWeb = { program: 'from_pod', ifIndex: web.ifIndex, mac: web.mac, from: web } as const;
const answerOfNeighbour: Hop = {
  ...{ program: 'from_network', ifIndex: uplink, mac: hostSideMac },
  ...{ from: places.native, to: db },
};

/** The way by which it arrives. */
export const hops: Readonly<Record<HopName, Hop>> = {
  answerOfPod: { ...ofWeb, to: db },
  answerToNeighbour: { ...ofWeb, to: places.native },
  answerIntoTunnel: { ...ofWeb, to: places.tunnelled },
  answerOfNeighbour,
  answerFromTunnel: {
    ...answerOfNeighbour,
    ...{ program: 'from_overlay', ifIndex: tunnelDevice, from: places.tunnelled },
  },
};

export type BodyName =
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'udp-lite'
  | 'gre'
  | 'echo'
  | 'icmp-timestamp'
  | 'error';
type QuotedName = 'tcp' | 'udp' | 'sctp' | 'gre' | 'echo' | 'fragment' | 'nothing';

/** A packet of a hop: from a client's port to the server's, or `back`. */
export interface Given {
  readonly hop: Hop;
  readonly family: AddressFamily;
  readonly protocol: BodyName;
  readonly back?: boolean;
  /** TCP (default ACK). */
  readonly flags?: number;
  /** One of its fragments; `only` is IPv6's fragment header on a whole packet. */
  readonly piece?: 'first' | 'middle' | 'last' | 'only';
  /** The packet that an error quotes: from the receiver to the sender, or to `quotedTo`. */
  readonly quotes?: QuotedName;
  readonly quotedTo?: AddressByFamily;
}

const clientPort = 40_000;
const serverPort = 80;
const echoId = 0x4321;

/** Runs the hop's program on the packet. */
export function verdictOf(datapath: TestDatapath, given: Given): string {
  const { hop } = given;
  return observe(datapath, hop.program, frameOf(given), { ifIndex: hop.ifIndex }).outcome.verdict;
}

/** The mark that the hop's program leaves for the stack. */
export function markOf(datapath: TestDatapath, given: Given, mark = 0): number | undefined {
  const { program, ifIndex } = given.hop;
  const { context } = datapath.run(program, frameOf(given), { ifIndex, mark });
  return skBuff.decode(new DataView(context.buffer, context.byteOffset, context.length), 0).mark;
}

function frameOf(given: Given): Uint8Array {
  const { hop, family } = given;
  const type = family === 4 ? etherTypes.ipv4 : etherTypes.ipv6;
  const destination = hop.program === 'from_pod' ? hostSideMac : hostMac;
  return ethernet({ source: hop.mac, destination, type }, ipPacket(given));
}

function ipPacket(given: Given): Uint8Array {
  const { hop, family, piece } = given;
  const { protocol, payload } = body(given);
  const ends = { source: hop.from[family], destination: hop.to[family] };
  if (piece === undefined || (family === 4 && piece === 'only')) {
    return ip({ ...ends, protocol }, payload);
  }
  const offset = piece === 'middle' ? 24 : piece === 'last' ? 48 : 0;
  const more = piece === 'first' || piece === 'middle';
  if (family === 4) {
    return ip({ ...ends, protocol, fragmentOffset: offset, moreFragments: more }, payload);
  }
  const header = { next: protocol, offset, more };
  return ip({ ...ends, protocol: nextHeaders.fragment }, fragment(header, payload));
}

interface Body {
  readonly protocol: number;
  readonly payload: Uint8Array;
}

function body(given: Given): Body {
  const { family, protocol, back = false, flags = tcpFlags.ack } = given;
  const [sourcePort, destinationPort] = back ? [serverPort, clientPort] : [clientPort, serverPort];
  const ports = { sourcePort, destinationPort };
  const icmp = icmpProtocol(family);
  switch (protocol) {
    case 'tcp':
      return { protocol: protocols.tcp, payload: tcp({ ...ports, flags }) };
    case 'udp':
      return { protocol: protocols.udp, payload: udp(ports, new Uint8Array(16)) };
    case 'sctp':
      return { protocol: protocols.sctp, payload: sctp(ports) };
    case 'udp-lite':
      return { protocol: 136, payload: udp(ports) };
    case 'gre':
      return { protocol: 47, payload: new Uint8Array(8) };
    case 'echo':
      return { protocol: icmp, payload: icmpEcho(family, { id: echoId, reply: back }) };
    case 'icmp-timestamp':
      return { protocol: icmp, payload: otherIcmp(family, back) };
    case 'error':
      return { protocol: icmp, payload: icmpTooBig(family, quoted(given)) };
  }
}

/** Timestamps (RFC 792); for ICMPv6, node information (RFC 4620). */
function otherIcmp(family: AddressFamily, back: boolean): Uint8Array {
  const payload = new Uint8Array(20);
  const [request, reply] = family === 4 ? [13, 14] : [139, 140];
  payload[0] = back ? reply : request;
  return payload;
}

/** The packet that the error claims its receiver has sent. */
function quoted(given: Given): Uint8Array {
  const { hop, family, quotes = 'udp', quotedTo = hop.from } = given;
  if (quotes === 'nothing') return new Uint8Array();
  const sent = { ...hop, from: hop.to, to: quotedTo };
  const [protocol, piece] = quotes === 'fragment' ? (['udp', 'middle'] as const) : [quotes];
  return ipPacket({ hop: sent, family, protocol, ...(piece && { piece }) });
}

/** Source and destination. */
type Ends = readonly [Address, Address];

/** Adds an entry of connection tracking, from the client's port to the server's and back; or deletes all. */
export function track(
  { namespace }: TestDatapath,
  entry:
    | 'flush'
    | { readonly protocol: 'tcp' | 'udp'; readonly original: Ends; readonly reply: Ends },
): void {
  if (entry === 'flush') {
    runIn(namespace, 'conntrack', '-F');
    return;
  }
  const { protocol, original, reply } = entry;
  const state = protocol === 'tcp' ? ['--state', 'ESTABLISHED'] : [];
  runIn(
    namespace,
    ...['conntrack', '-I', '-p', protocol, '-t', '120', '-u', 'SEEN_REPLY,ASSURED', ...state],
    ...['-s', original[0], '-d', original[1], '-r', reply[0], '-q', reply[1]],
    ...['--sport', `${clientPort}`, '--dport', `${serverPort}`],
    ...['--reply-port-src', `${serverPort}`, '--reply-port-dst', `${clientPort}`],
  );
}

/** The hop of packets from the pod db to `to`. */
export function sentByDb(to: AddressByFamily): Hop {
  return { program: 'from_pod', ifIndex: db.ifIndex, mac: db.mac, from: db, to };
}

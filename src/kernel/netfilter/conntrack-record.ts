// A connection as ctnetlink describes it (linux/netfilter/nfnetlink_conntrack.h; numbers are in network order there).

import {
  type Address,
  type AddressFamily,
  addressBytes,
  addressFamily,
} from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { Attributes } from '../netlink/protocol/attribute.ts';
import { familyNumbers, familyOf } from '../netlink/protocol/family.ts';
import { type MessageWriter, malformed } from '../netlink/protocol/message.ts';
import { withoutAbsent } from '../netlink/protocol/record.ts';

export interface ConntrackEntry {
  readonly family: AddressFamily;
  /** IP protocol number. */
  readonly protocol: number;
  readonly original: ConntrackTuple;
  readonly reply: ConntrackTuple;
  readonly status: ConntrackStatus;
  /** Seconds until the entry expires without packets; absent while it is ending. */
  readonly timeoutSeconds?: number;
  readonly mark: number;
  readonly tcpState?: TcpState;
  /** Only if net.netfilter.nf_conntrack_acct is on. */
  readonly originalCounters?: ConntrackCounters;
  readonly replyCounters?: ConntrackCounters;
  readonly zone?: number;
  /** The kernel's own handle; a later connection with the same tuples has a different one. */
  readonly id: number;
}

/** The packets of one direction as they arrive. */
export interface ConntrackTuple {
  readonly source: Address;
  readonly destination: Address;
  /** TCP, UDP, SCTP and the like. */
  readonly sourcePort?: Port;
  readonly destinationPort?: Port;
  /** ICMP and ICMPv6. */
  readonly icmp?: { readonly id: number; readonly type: number; readonly code: number };
}

/** IPS_* (linux/netfilter/nf_conntrack_common.h). */
export interface ConntrackStatus {
  readonly seenReply: boolean;
  /** Not dropped early if the table is full. */
  readonly assured: boolean;
  readonly sourceNat: boolean;
  readonly destinationNat: boolean;
  readonly dying: boolean;
}

export interface ConntrackCounters {
  readonly packets: number;
  readonly bytes: number;
}

const tcpStates = [
  'none',
  'synSent',
  'synReceived',
  'established',
  'finWait',
  'closeWait',
  'lastAck',
  'timeWait',
  'close',
  'synSent2',
] as const;

export type TcpState = (typeof tcpStates)[number];

export const conntrackAttributes = {
  original: 1,
  reply: 2,
  status: 3,
  protocolInfo: 4,
  timeout: 7,
  mark: 8,
  originalCounters: 9,
  replyCounters: 10,
  id: 12,
  zone: 18,
  markMask: 21,
  filter: 25,
} as const;
const tupleAttributes = { addresses: 1, protocol: 2 } as const;
const addressAttributes = {
  4: { source: 1, destination: 2 },
  6: { source: 3, destination: 4 },
} as const;
const protocolAttributes = { number: 1, sourcePort: 2, destinationPort: 3 } as const;
const icmpAttributes = {
  4: { id: 4, type: 5, code: 6 },
  6: { id: 7, type: 8, code: 9 },
} as const;
const statusBits = {
  seenReply: 1 << 1,
  assured: 1 << 2,
  sourceNat: 1 << 4,
  destinationNat: 1 << 5,
  dying: 1 << 9,
} as const;
/** struct nfgenmsg. */
export const conntrackHeaderSize = 4;

/** struct nfgenmsg; without a family: all families. */
export function writeConntrackHeader(
  message: MessageWriter,
  family: AddressFamily | undefined,
): void {
  message.u32(family === undefined ? 0 : familyNumbers[family]);
}

/** CTA_TUPLE_IP with the given addresses, which are of one family. */
export function writeTupleAddresses(
  message: MessageWriter,
  {
    source,
    destination,
  }: {
    readonly source?: Address | undefined;
    readonly destination?: Address | undefined;
  },
): void {
  message.nest(tupleAttributes.addresses, () => {
    if (source !== undefined) {
      const types = addressAttributes[addressFamily(source)];
      message.attribute(types.source, addressBytes(source));
    }
    if (destination !== undefined) {
      const types = addressAttributes[addressFamily(destination)];
      message.attribute(types.destination, addressBytes(destination));
    }
  });
}

/** Tuple of the original direction, by which the kernel finds an entry. */
export function writeOriginalTuple(message: MessageWriter, entry: ConntrackEntry): void {
  const { family, protocol, original } = entry;
  message.nest(conntrackAttributes.original, () => {
    writeTupleAddresses(message, original);
    message.nest(tupleAttributes.protocol, () => {
      const { sourcePort, destinationPort, icmp } = original;
      message.u8Attribute(protocolAttributes.number, protocol);
      if (sourcePort !== undefined) {
        message.u16BigEndianAttribute(protocolAttributes.sourcePort, sourcePort);
      }
      if (destinationPort !== undefined) {
        message.u16BigEndianAttribute(protocolAttributes.destinationPort, destinationPort);
      }
      if (icmp === undefined) return;
      const types = icmpAttributes[family];
      message.u16BigEndianAttribute(types.id, icmp.id);
      message.u8Attribute(types.type, icmp.type);
      message.u8Attribute(types.code, icmp.code);
    });
  });
}

/** Reads IPCTNL_MSG_CT_NEW; undefined for families other than IPv4 and IPv6. Throws KernelError EBADMSG. */
export function readConntrackEntry(payload: Buffer): ConntrackEntry | undefined {
  if (payload.length < conntrackHeaderSize)
    throw malformed(`conntrack entry of ${payload.length} bytes`);
  const family = familyOf(payload.readUInt8(0));
  if (family === undefined) return undefined;
  const attributes = new Attributes(payload.subarray(conntrackHeaderSize));
  const original = readTuple(family, attributes.nested(conntrackAttributes.original));
  const reply = readTuple(family, attributes.nested(conntrackAttributes.reply));
  return withoutAbsent<ConntrackEntry>({
    family,
    protocol: original.protocol,
    original: original.tuple,
    reply: reply.tuple,
    status: readStatus(attributes.u32BigEndian(conntrackAttributes.status) ?? 0),
    timeoutSeconds: attributes.u32BigEndian(conntrackAttributes.timeout),
    mark: attributes.u32BigEndian(conntrackAttributes.mark) ?? 0,
    tcpState: readTcpState(attributes),
    originalCounters: readCounters(attributes, conntrackAttributes.originalCounters),
    replyCounters: readCounters(attributes, conntrackAttributes.replyCounters),
    zone: attributes.u16BigEndian(conntrackAttributes.zone),
    id: attributes.u32BigEndian(conntrackAttributes.id) ?? 0,
  });
}

function readTuple(
  family: AddressFamily,
  attributes: Attributes | undefined,
): { readonly protocol: number; readonly tuple: ConntrackTuple } {
  const addresses = attributes?.nested(tupleAttributes.addresses);
  const protocol = attributes?.nested(tupleAttributes.protocol);
  const source = addresses?.address(addressAttributes[family].source);
  const destination = addresses?.address(addressAttributes[family].destination);
  const number = protocol?.u8(protocolAttributes.number);
  if (protocol === undefined || !source || !destination || number === undefined) {
    throw malformed('conntrack tuple without addresses or protocol');
  }
  const tuple = withoutAbsent<ConntrackTuple>({
    source,
    destination,
    sourcePort: protocol.u16BigEndian(protocolAttributes.sourcePort) as Port | undefined,
    destinationPort: protocol.u16BigEndian(protocolAttributes.destinationPort) as Port | undefined,
    icmp: readIcmp(family, protocol),
  });
  return { protocol: number, tuple };
}

function readIcmp(family: AddressFamily, protocol: Attributes): ConntrackTuple['icmp'] {
  const types = icmpAttributes[family];
  const id = protocol.u16BigEndian(types.id);
  if (id === undefined) return undefined;
  return { id, type: protocol.u8(types.type) ?? 0, code: protocol.u8(types.code) ?? 0 };
}

function readStatus(bits: number): ConntrackStatus {
  return {
    seenReply: (bits & statusBits.seenReply) !== 0,
    assured: (bits & statusBits.assured) !== 0,
    sourceNat: (bits & statusBits.sourceNat) !== 0,
    destinationNat: (bits & statusBits.destinationNat) !== 0,
    dying: (bits & statusBits.dying) !== 0,
  };
}

function readTcpState(attributes: Attributes): TcpState | undefined {
  const tcp = 1;
  const state = 1;
  const number = attributes.nested(conntrackAttributes.protocolInfo)?.nested(tcp)?.u8(state);
  return number === undefined ? undefined : tcpStates[number];
}

function readCounters(attributes: Attributes, type: number): ConntrackCounters | undefined {
  const counters = attributes.nested(type);
  if (counters === undefined) return undefined;
  return { packets: counters.u64BigEndian(1) ?? 0, bytes: counters.u64BigEndian(2) ?? 0 };
}

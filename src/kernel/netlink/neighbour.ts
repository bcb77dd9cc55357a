// Neighbours: the MAC addresses of IP addresses on a link (ARP and NDP entries; linux/neighbour.h: struct ndmsg).

import { type Address, addressBytes, addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { type Mac, macBytes } from '../../net/mac.ts';
import { isKernelError } from '../errno.ts';
import { Attributes } from './protocol/attribute.ts';
import { familyNumbers, familyOf } from './protocol/family.ts';
import { malformed, messageFlags } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { Dumps, Query, Request, RequestSink } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';

// NUD_*
const states = {
  none: 0x00,
  incomplete: 0x01,
  reachable: 0x02,
  stale: 0x04,
  delay: 0x08,
  probe: 0x10,
  failed: 0x20,
  noarp: 0x40,
  permanent: 0x80,
} as const;

/** `permanent` stays until deleted; the others are stages of resolution. */
export type NeighbourState = keyof typeof states;

export interface NeighbourOptions {
  readonly ifIndex: IfIndex;
  readonly address: Address;
  /** Absent only if the kernel is to resolve it: `managed`. */
  readonly mac?: Mac | undefined;
  readonly state: NeighbourState;
  /** Who set it, as for routes: a program marks its entries with its own number. Linux 5.0. */
  readonly protocol?: number | undefined;
  /** NTF_EXT_LEARNED: does not count towards the table's `gc_thresh3`, and is not removed to make room. */
  readonly externallyLearned?: boolean | undefined;
  /** NTF_EXT_MANAGED: the kernel resolves it by itself and keeps it fresh, even if it is unused. Linux 5.16. */
  readonly managed?: boolean | undefined;
}

export interface Neighbour {
  readonly ifIndex: IfIndex;
  readonly address: Address;
  /** Absent while it is unresolved. */
  readonly mac?: Mac;
  /** `unknown`: bits that this program has no name for. */
  readonly state: NeighbourState | 'unknown';
  /** Absent if it was not set. */
  readonly protocol?: number;
  readonly externallyLearned?: true;
  readonly managed?: true;
}

const messages = { create: 28, delete: 29, get: 30 } as const;
const attributeTypes = { address: 1, mac: 2, ifIndex: 8, protocol: 12, moreFlags: 15 } as const;
const flagExternallyLearned = 0x10;
// Of NDA_FLAGS_EXT.
const moreFlagManaged = 1;
// NDA_CACHEINFO and NDA_PROBES.
const ages = [3, 4];
const headerSize = 12;

/** Equivalent to: `ip neigh add A lladdr M dev X nud S [managed] [extern_learn]`. Throws KernelError (EEXIST, ENODEV). */
export function addNeighbour(requests: RequestSink, options: NeighbourOptions): void {
  requests.submit(
    change('neigh add', messages.create, messageFlags.create | messageFlags.exclusive, options),
  );
}

/**
 * Equivalent to: `ip neigh replace A lladdr M dev X nud S [protocol N]`. An entry that becomes `managed` keeps its MAC
 * and state, unless it was `permanent`. Throws KernelError (ENODEV; ENETDOWN: the link is down).
 */
export function replaceNeighbour(requests: RequestSink, options: NeighbourOptions): void {
  requests.submit(
    change('neigh replace', messages.create, messageFlags.create | messageFlags.replace, options),
  );
}

/** Equivalent to: `ip neigh delete A dev X`. Throws KernelError (ENOENT: it does not exist). */
export function delNeighbour(
  requests: RequestSink,
  { ifIndex, address }: Pick<NeighbourOptions, 'ifIndex' | 'address'>,
): void {
  requests.submit(change('neigh delete', messages.delete, 0, { ifIndex, address }));
}

/** Equivalent to: `ip neigh show [dev X] nud all`; the kernel filters by link. Both families. Throws KernelError. */
export function listNeighbours(
  socket: Dumps,
  filter: { readonly ifIndex?: IfIndex } = {},
): Neighbour[] {
  const { ifIndex } = filter;
  const query: Query = {
    call: 'neigh list',
    subject: ifIndex === undefined ? '' : `index ${ifIndex}`,
    type: messages.get,
    volatile: { headerBytes: headerSize, types: ages },
    write: (message) => {
      message.u32(0).u32(0).u32(0);
      if (ifIndex !== undefined) message.u32Attribute(attributeTypes.ifIndex, ifIndex);
    },
  };
  return socket.dump(query, readNeighbour);
}

/** Equivalent to: `ip neigh get A dev X`. Undefined if there is none. Throws KernelError (ENODEV). */
export function neighbourOf(
  socket: NetlinkSocket,
  { ifIndex, address }: Pick<NeighbourOptions, 'ifIndex' | 'address'>,
): Neighbour | undefined {
  const query: Query = {
    call: 'neigh get',
    subject: `${address} dev index ${ifIndex}`,
    type: messages.get,
    write: (message) => {
      message.u32(familyNumbers[addressFamily(address)]).u32(ifIndex).u32(0);
      message.attribute(attributeTypes.address, addressBytes(address));
    },
  };
  try {
    return socket.get(query, readNeighbour);
  } catch (error) {
    if (isKernelError(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Reads RTM_NEWNEIGH and RTM_DELNEIGH; undefined for other than IPv4 or IPv6 neighbours (bridge forwarding entries).
 * Throws KernelError EBADMSG.
 */
export function readNeighbour(payload: Buffer): Neighbour | undefined {
  if (payload.length < headerSize) throw malformed(`neighbour of ${payload.length} bytes`);
  if (familyOf(payload.readUInt8(0)) === undefined) return undefined;
  const attributes = new Attributes(payload.subarray(headerSize));
  const address = attributes.address(attributeTypes.address);
  if (address === undefined) throw malformed('neighbour without an address');
  return withoutAbsent<Neighbour>({
    ifIndex: payload.readUInt32LE(4) as IfIndex,
    address,
    mac: attributes.mac(attributeTypes.mac),
    state: stateOf(payload.readUInt16LE(8)),
    protocol: attributes.u8(attributeTypes.protocol),
    externallyLearned: isSet(payload.readUInt8(10), flagExternallyLearned),
    managed: isSet(attributes.u32(attributeTypes.moreFlags) ?? 0, moreFlagManaged),
  });
}

function change(
  call: string,
  type: number,
  how: number,
  neighbour: Pick<NeighbourOptions, 'ifIndex' | 'address'> & Partial<NeighbourOptions>,
): Request {
  const { ifIndex, address, mac, state = 'none', protocol } = neighbour;
  const { externallyLearned = false, managed = false } = neighbour;
  return {
    call,
    subject: `${address}${mac === undefined ? '' : ` lladdr ${mac}`} dev index ${ifIndex}`,
    type,
    flags: how,
    write: (message) => {
      message
        .u32(familyNumbers[addressFamily(address)])
        .u32(ifIndex)
        .u16(states[state])
        .u16(externallyLearned ? flagExternallyLearned : 0)
        .attribute(attributeTypes.address, addressBytes(address));
      if (mac !== undefined) message.attribute(attributeTypes.mac, macBytes(mac));
      if (protocol !== undefined) message.u8Attribute(attributeTypes.protocol, protocol);
      if (managed) message.u32Attribute(attributeTypes.moreFlags, moreFlagManaged);
    },
  };
}

function isSet(flags: number, flag: number): true | undefined {
  return (flags & flag) !== 0 ? true : undefined;
}

// A bit mask, of which a process may set any combination. The kernel never ages an entry that is permanent or noarp,
// whatever else is set.
function stateOf(bits: number): NeighbourState | 'unknown' {
  if ((bits & states.permanent) !== 0) return 'permanent';
  if ((bits & states.noarp) !== 0) return 'noarp';
  return stateNames.get(bits) ?? 'unknown';
}

const stateNames = new Map<number, NeighbourState>(
  Object.entries(states).map(([name, number]) => [number, name as NeighbourState]),
);

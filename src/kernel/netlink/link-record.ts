// A link as described by the kernel, and its settings (linux/if_link.h: struct ifinfomsg and its attributes).

import type { IfIndex } from '../../net/if-index.ts';
import { type Mac, macBytes } from '../../net/mac.ts';
import type { NetworkNamespace } from '../namespace.ts';
import { Attributes } from './protocol/attribute.ts';
import { type MessageWriter, malformed } from './protocol/message.ts';
import { withoutAbsent } from './protocol/record.ts';

/** Source of a link's IPv6 link-local address: the MAC, none, or a secret (RFC 7217). */
export type AddrGenMode = keyof typeof addrGenModes;

export interface Link {
  readonly ifIndex: IfIndex;
  readonly name: string;
  /** `veth`, `vxlan`, `bridge`, ...; absent for hardware and for loopback. */
  readonly kind?: string;
  /** Absent if packets have no Ethernet header, including xfrm interfaces, although they have such an address. */
  readonly mac?: Mac;
  readonly mtuBytes: number;
  /** Administratively up. */
  readonly up: boolean;
  /** Up with carrier (for a veth: the other end is up). */
  readonly running: boolean;
  readonly loopback: boolean;
  /** Does not resolve neighbours. */
  readonly noArp: boolean;
  /**
   * The other end of a veth, or the link on which this one is built: an index in the namespace of `linkNamespaceId`.
   */
  readonly peerIfIndex?: IfIndex;
  /** This namespace's number for the namespace of `peerIfIndex` (`ip netns list-id`); absent if it is this one. */
  readonly linkNamespaceId?: number;
  /** The bridge, bond or VRF that it belongs to. */
  readonly master?: IfIndex;
  readonly addrGenMode?: AddrGenMode;
  readonly vxlan?: VxlanLink;
}

export interface VxlanLink {
  /** Each packet has its own tunnel key; `id` and the remote address have no meaning. */
  readonly collectMetadata: boolean;
  /** UDP, host order. */
  readonly port: number;
  readonly id: number;
}

export const linkMessages = { create: 16, delete: 17, get: 18 } as const;
export const linkAttributes = {
  mac: 1,
  name: 3,
  mtu: 4,
  link: 5,
  qdisc: 6,
  master: 10,
  info: 18,
  afSpec: 26,
  group: 27,
  namespaceFd: 28,
  extendedMask: 29,
  linkNamespaceId: 37,
} as const;
export const linkInfo = { kind: 1, data: 2 } as const;
export const vxlanAttributes = { id: 1, learning: 7, port: 15, collectMetadata: 25 } as const;
const linkFlags = { up: 0x1, loopback: 0x8, running: 0x40, noArp: 0x80 } as const;
/** ARPHRD_ETHER, ARPHRD_LOOPBACK. */
const linkTypes: ReadonlySet<number> = new Set([1, 772]);
const inet6AddrGenMode = 8;
const addrGenModes = { eui64: 0, none: 1, stablePrivacy: 2, random: 3 } as const;
const inet6 = 10;
const headerSize = 16;

/** Settings for a new or existing link; an absent one stays as it is. */
export interface LinkSettings {
  readonly name?: string | undefined;
  readonly mac?: Mac | undefined;
  readonly mtuBytes?: number | undefined;
  readonly up?: boolean | undefined;
  readonly noArp?: boolean | undefined;
  readonly master?: IfIndex | 'none' | undefined;
  /** A number that links can share; default 0. */
  readonly group?: number | undefined;
  /** Moves the link there; it arrives down and without addresses. */
  readonly namespace?: NetworkNamespace | undefined;
}

/** Reads RTM_NEWLINK and RTM_DELLINK. Throws KernelError EBADMSG. */
export function readLink(payload: Buffer): Link {
  if (payload.length < headerSize) throw malformed(`link of ${payload.length} bytes`);
  const flags = payload.readUInt32LE(8);
  const attributes = new Attributes(payload.subarray(headerSize));
  const info = attributes.nested(linkAttributes.info);
  const kind = info?.text(linkInfo.kind);
  return withoutAbsent<Link>({
    ifIndex: payload.readInt32LE(4) as IfIndex,
    name: attributes.text(linkAttributes.name) ?? '',
    mtuBytes: attributes.u32(linkAttributes.mtu) ?? 0,
    up: (flags & linkFlags.up) !== 0,
    running: (flags & linkFlags.running) !== 0,
    loopback: (flags & linkFlags.loopback) !== 0,
    noArp: (flags & linkFlags.noArp) !== 0,
    kind,
    mac: linkTypes.has(payload.readUInt16LE(2)) ? attributes.mac(linkAttributes.mac) : undefined,
    peerIfIndex: peerOf(attributes),
    linkNamespaceId: attributes.i32(linkAttributes.linkNamespaceId),
    master: attributes.ifIndex(linkAttributes.master),
    addrGenMode: readAddrGenMode(attributes),
    vxlan: kind === 'vxlan' ? readVxlan(info) : undefined,
  });
}

/** struct ifinfomsg. */
export function writeLinkHeader(
  message: MessageWriter,
  link: LinkSettings & { readonly ifIndex?: IfIndex | undefined },
): void {
  let flags = 0;
  let change = 0;
  for (const [value, bit] of [
    [link.up, linkFlags.up],
    [link.noArp, linkFlags.noArp],
  ] as const) {
    if (value === undefined) continue;
    change |= bit;
    if (value) flags |= bit;
  }
  message
    .u32(0)
    .u32(link.ifIndex ?? 0)
    .u32(flags)
    .u32(change);
}

export function writeLinkSettings(message: MessageWriter, link: LinkSettings): void {
  const { name, mac, mtuBytes, master, group, namespace } = link;
  if (name !== undefined) message.textAttribute(linkAttributes.name, name);
  if (mac !== undefined) message.attribute(linkAttributes.mac, macBytes(mac));
  if (mtuBytes !== undefined) message.u32Attribute(linkAttributes.mtu, mtuBytes);
  if (master !== undefined)
    message.u32Attribute(linkAttributes.master, master === 'none' ? 0 : master);
  if (group !== undefined) message.u32Attribute(linkAttributes.group, group);
  if (namespace !== undefined) message.u32Attribute(linkAttributes.namespaceFd, namespace.fd);
}

export function writeLinkInfo(message: MessageWriter, kind: string, data?: () => void): void {
  message.nest(linkAttributes.info, () => {
    message.textAttribute(linkInfo.kind, kind);
    if (data !== undefined) message.nest(linkInfo.data, data);
  });
}

export function writeAddrGenMode(message: MessageWriter, mode: AddrGenMode | undefined): void {
  if (mode === undefined) return;
  message.nest(linkAttributes.afSpec, () =>
    message.nest(inet6, () => message.u8Attribute(inet6AddrGenMode, addrGenModes[mode])),
  );
}

function readAddrGenMode(attributes: Attributes): AddrGenMode | undefined {
  const value = attributes.nested(linkAttributes.afSpec)?.nested(inet6)?.u8(inet6AddrGenMode);
  return value === undefined ? undefined : addrGenModeNames[value];
}

const addrGenModeNames = Object.keys(addrGenModes) as AddrGenMode[];

function peerOf(attributes: Attributes): IfIndex | undefined {
  const peer = attributes.ifIndex(linkAttributes.link);
  // 0: the other end does not exist (any more), as for a tunnel over any link.
  return peer === 0 ? undefined : peer;
}

function readVxlan(info: Attributes | undefined): VxlanLink | undefined {
  const data = info?.nested(linkInfo.data);
  if (data === undefined) return undefined;
  return {
    collectMetadata: (data.u8(vxlanAttributes.collectMetadata) ?? 0) !== 0,
    port: data.u16BigEndian(vxlanAttributes.port) ?? 0,
    id: data.u32(vxlanAttributes.id) ?? 0,
  };
}

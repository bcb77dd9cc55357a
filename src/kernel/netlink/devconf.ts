// Settings of the kernel's IP layers per interface (net/ipv4/conf and net/ipv6/conf). They are part of every listed or
// created link (IFLA_AF_SPEC), so hundreds of interfaces need no file access.

import { linkListing } from './link.ts';
import { type Link, linkAttributes, readLink } from './link-record.ts';
import { Attributes } from './protocol/attribute.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { Dumps } from './protocol/request.ts';

/** Values as under net/ipv4/conf/NAME, without the effect of `all`. */
export interface Ipv4Devconf {
  readonly forwarding: number;
  readonly rpFilter: number;
  readonly routeLocalnet: number;
}

/** Values as under net/ipv6/conf/NAME. */
export interface Ipv6Devconf {
  readonly forwarding: number;
  readonly acceptRa: number;
  readonly disabled: boolean;
  /** Whether a router advertisement has arrived since the interface came up (IF_RA_RCVD). */
  readonly heardRouter: boolean;
}

export interface ConfiguredLink extends Link {
  /** Absent if the interface has no IPv4: its MTU is below 68 bytes. */
  readonly ipv4?: Ipv4Devconf;
  /** Absent if the kernel or the interface has no IPv6. */
  readonly ipv6?: Ipv6Devconf;
  /** Id of the XDP program that handles each packet first. */
  readonly xdpProgram?: number;
  /** Kind of the root qdisc: `noqueue` by default at a virtual interface. */
  readonly qdisc?: string;
}

const inet = { family: 2, conf: 1 } as const;
const inet6 = { family: 10, flags: 1, conf: 2, heardRouter: 0x20 } as const;
// IPV4_DEVCONF_* of linux/ip.h minus one, DEVCONF_* of linux/ipv6.h: positions in arrays of 32-bit values.
const places4 = { forwarding: 0, rpFilter: 7, routeLocalnet: 25 } as const;
const places6 = { forwarding: 0, acceptRa: 3, disableIpv6: 26 } as const;
const xdp = { nest: 43, programId: 4 } as const;
const headerSize = 16;

/** Equivalent to: `ip -d link show; ip netconf show`. Throws KernelError. */
export function listConfiguredLinks(socket: Dumps): ConfiguredLink[] {
  return socket.dump(linkListing(), readConfiguredLink);
}

/** Like `readLink`. */
export function readConfiguredLink(payload: Buffer): ConfiguredLink {
  const attributes = new Attributes(payload.subarray(headerSize));
  const families = attributes.nested(linkAttributes.afSpec);
  return withoutAbsent<ConfiguredLink>({
    ...readLink(payload),
    ipv4: readIpv4(families?.nested(inet.family)),
    ipv6: readIpv6(families?.nested(inet6.family)),
    xdpProgram: attributes.nested(xdp.nest)?.u32(xdp.programId),
    qdisc: attributes.text(linkAttributes.qdisc),
  });
}

function readIpv4(family: Attributes | undefined): Ipv4Devconf | undefined {
  const conf = family?.view(inet.conf);
  if (conf === undefined) return undefined;
  return {
    forwarding: valueAt(conf, places4.forwarding),
    rpFilter: valueAt(conf, places4.rpFilter),
    routeLocalnet: valueAt(conf, places4.routeLocalnet),
  };
}

function readIpv6(family: Attributes | undefined): Ipv6Devconf | undefined {
  const conf = family?.view(inet6.conf);
  if (conf === undefined) return undefined;
  return {
    forwarding: valueAt(conf, places6.forwarding),
    acceptRa: valueAt(conf, places6.acceptRa),
    disabled: valueAt(conf, places6.disableIpv6) !== 0,
    heardRouter: ((family?.u32(inet6.flags) ?? 0) & inet6.heardRouter) !== 0,
  };
}

// The array of an older kernel is shorter.
function valueAt(conf: Buffer, place: number): number {
  const start = place * 4;
  return start + 4 <= conf.length ? conf.readInt32LE(start) : 0;
}

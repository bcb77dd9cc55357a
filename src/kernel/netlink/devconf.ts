// What the kernel's IP layers do at each interface: its settings under net/ipv4/conf and net/ipv6/conf, which come with
// every link that is listed or made (IFLA_AF_SPEC), so that hundreds of interfaces cost no file each.

import { linkListing } from './link.ts';
import { type Link, linkAttributes, readLink } from './link-record.ts';
import { Attributes } from './protocol/attribute.ts';
import { withoutAbsent } from './protocol/record.ts';
import type { Dumps } from './protocol/request.ts';

/** Values as under net/ipv4/conf/NAME; those of `all` are not included. */
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
  /** A router advertisement has arrived since the interface came up (IF_RA_RCVD). */
  readonly heardRouter: boolean;
}

export interface ConfiguredLink extends Link {
  /** Absent where the interface has no IPv4: its MTU is below 68 bytes. */
  readonly ipv4?: Ipv4Devconf;
  /** Absent where the kernel or the interface has no IPv6. */
  readonly ipv6?: Ipv6Devconf;
  /** Id of the XDP program that sees each packet before everything else. */
  readonly xdpProgram?: number;
  /** Kind of the root qdisc: `noqueue` unless someone set one at a virtual interface. */
  readonly qdisc?: string;
}

const inet = { family: 2, conf: 1 } as const;
const inet6 = { family: 10, flags: 1, conf: 2, heardRouter: 0x20 } as const;
// IPV4_DEVCONF_* of linux/ip.h minus one, DEVCONF_* of linux/ipv6.h: places in arrays of 32 bits each.
const places4 = { forwarding: 0, rpFilter: 7, routeLocalnet: 25 } as const;
const places6 = { forwarding: 0, acceptRa: 3, disableIpv6: 26 } as const;
const xdp = { nest: 43, programId: 4 } as const;
const headerSize = 16;

/** Equivalent to: `ip -d link show; ip netconf show`. Throws KernelError. */
export function listConfiguredLinks(socket: Dumps): ConfiguredLink[] {
  return socket.dump(linkListing(), readConfiguredLink);
}

/** As `readLink`. */
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

// An older kernel's array is shorter.
function valueAt(conf: Buffer, place: number): number {
  const start = place * 4;
  return start + 4 <= conf.length ? conf.readInt32LE(start) : 0;
}

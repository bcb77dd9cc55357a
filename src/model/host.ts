// What the node itself looks like right now, observed by the agent over netlink: an input of the pure model.

import type { Address } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { Mac } from '../net/mac.ts';
import type { Prefix } from '../net/prefix.ts';

export interface PrefixedAddress {
  readonly address: Address;
  readonly prefixLength: number;
}

/** An interface that leads off the node. */
export interface Uplink {
  readonly ifIndex: IfIndex;
  readonly name: string;
  readonly mtuBytes: number;
  /** Absent where it carries IP without Ethernet (WireGuard, tun, tunnels). */
  readonly mac?: Mac | undefined;
  /** The least that a route out of it says; absent: none says any. */
  readonly routeMtuBytes?: number | undefined;
  readonly addresses: readonly PrefixedAddress[];
  /** Routers that routes out of it lead by, link-local ones too; sorted. Absent: none. */
  readonly gateways?: readonly Address[] | undefined;
}

/** An address of the node, on whatever interface; link-local ones and those of the VXLAN device are left out. */
export interface HostAddress extends PrefixedAddress {
  readonly ifName: string;
  /** Its interface leads nowhere (loopback, dummy): whoever wants to reach the address does so by any uplink. */
  readonly leadsNowhere: boolean;
}

/** Addresses that are no Node's to give to pods, besides this node's own and its networks. */
export interface OccupiedRange {
  readonly kind: 'api server' | 'gateway';
  readonly prefix: Prefix;
  /** Interface of this node; absent for what is elsewhere. */
  readonly ifName?: string | undefined;
}

export interface HostFacts {
  readonly uplinks: readonly Uplink[];
  /** Absent where only the uplinks are known. */
  readonly addresses?: readonly HostAddress[];
  /** Absent: none. */
  readonly occupied?: readonly OccupiedRange[] | undefined;
  /** The VXLAN device, once it exists: overlay routes need its index, so they follow one settle after it is made. */
  readonly vxlan?: { readonly ifIndex: IfIndex; readonly isDown?: true | undefined } | undefined;
  /** Names of interfaces, beside uplinks, that take router advertisements: forwarding must not end that. */
  readonly routerAdvertised?: readonly string[];
  /** Policies of IPsec decide on what the node sends. */
  readonly hasIpsec?: boolean;
}

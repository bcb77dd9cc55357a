// Facts about the node, observed by the agent over netlink: an input of the pure model.

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
  /** Absent if it carries IP without Ethernet (WireGuard, tun, tunnels). */
  readonly mac?: Mac | undefined;
  /** The smallest MTU of its routes; absent: no route has one. */
  readonly routeMtuBytes?: number | undefined;
  readonly addresses: readonly PrefixedAddress[];
  /** Gateways of its routes, including link-local ones; sorted. Absent: none. */
  readonly gateways?: readonly Address[] | undefined;
}

/** An address of the node on any interface, except link-local ones and those of the VXLAN device. */
export interface HostAddress extends PrefixedAddress {
  readonly ifName: string;
  /** Its interface leads nowhere (loopback, dummy): the address is reached by any uplink. */
  readonly leadsNowhere: boolean;
}

/** Ranges that no Node can have for its pods, besides this node's own addresses and networks. */
export interface OccupiedRange {
  readonly kind: 'api server' | 'gateway';
  readonly prefix: Prefix;
  /** Interface of this node; absent for a range elsewhere. */
  readonly ifName?: string | undefined;
}

export interface HostFacts {
  readonly uplinks: readonly Uplink[];
  /** Absent if only the uplinks are known. */
  readonly addresses?: readonly HostAddress[];
  /** Absent: none. */
  readonly occupied?: readonly OccupiedRange[] | undefined;
  /** The VXLAN device, once it exists: overlay routes need its index, so they follow one settle after its creation. */
  readonly vxlan?: { readonly ifIndex: IfIndex; readonly isDown?: true | undefined } | undefined;
  /** Names of interfaces other than uplinks that accept router advertisements, which forwarding must not end. */
  readonly routerAdvertised?: readonly string[];
  /** Whether IPsec policies apply to packets that the node sends. */
  readonly hasIpsec?: boolean;
}

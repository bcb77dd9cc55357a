// The gateway of every pod on every node: link-local addresses that no device has, because the pod has a permanent
// neighbour entry for them. They lead to the host side of its veth.

import { mainTable, type RouteRecord } from '../../kernel/netlink/route-record.ts';
import { ownMacs, routeProtocol } from '../../model/ids.ts';
import type { Address, AddressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Mac } from '../../net/mac.ts';
import type { Prefix } from '../../net/prefix.ts';

export const podGateways: Readonly<Record<AddressFamily, Address>> = {
  4: '169.254.1.1' as Address,
  6: 'fe80::1' as Address,
};

/** MAC of the host side of every pod's veth. Packets from a pod carry it to another node's VXLAN device, too. */
export const gatewayMac: Mac = ownMacs.overlay;

/**
 * `ifIndex`: index of the pod's interface. Equivalent to: `ip route add default via GATEWAY dev eth0 onlink proto 72`.
 */
export function podDefaultRoute(family: AddressFamily, ifIndex: IfIndex): RouteRecord {
  return {
    destination: everything[family],
    type: 'unicast',
    protocol: routeProtocol,
    table: mainTable,
    gateway: podGateways[family],
    ifIndex,
    // No connected network contains the gateway.
    onlink: true,
  };
}

const everything: Readonly<Record<AddressFamily, Prefix>> = {
  4: '0.0.0.0/0' as Prefix,
  6: '::/0' as Prefix,
};

// Requests to the kernel for a pod's end of its veth.

import { isKernelError, type KernelError } from '../../kernel/errno.ts';
import { addAddress } from '../../kernel/netlink/address.ts';
import { setLink } from '../../kernel/netlink/link.ts';
import { replaceNeighbour } from '../../kernel/netlink/neighbour.ts';
import type { RequestSink } from '../../kernel/netlink/protocol/request.ts';
import { addRoute } from '../../kernel/netlink/route.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { familyBits } from '../../net/prefix.ts';
import { gatewayMac, podDefaultRoute, podGateways } from './gateway.ts';

/** Number of requests in `addToPod`. */
export const requestsPerAddress = 3;

/** Adds an address with its gateway and default route. */
export function addToPod(requests: RequestSink, ifIndex: IfIndex, address: Address): void {
  const family = addressFamily(address);
  const gateway = podGateways[family];
  const prefixLength = familyBits(family);
  addAddress(requests, { ifIndex, address, prefixLength, noDad: family === 6 });
  replaceNeighbour(requests, { ifIndex, address: gateway, mac: gatewayMac, state: 'permanent' });
  // Not `replace`: an existing default route belongs to another interface.
  addRoute(requests, podDefaultRoute(family, ifIndex));
}

/**
 * Without a link-local address, because only the gateway's matters and its MAC is known. Router advertisements are then
 * not accepted either: they come from link-local addresses, which the data path accepts from no pod.
 */
export function bringUp(requests: RequestSink, ifIndex: IfIndex): void {
  setLink(requests, { ifIndex, addrGenMode: 'none' });
  setLink(requests, { ifIndex, up: true });
}

/** A kernel started without IPv6 has no mode to set. */
export function isWithoutIpv6(failure: KernelError | undefined): boolean {
  return isKernelError(failure, 'EAFNOSUPPORT');
}

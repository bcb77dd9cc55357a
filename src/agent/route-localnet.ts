// The node's own connections to a host port on 127.0.0.1 are routed to the pod with that as their source, until
// masquerading replaces it: the kernel allows that only on interfaces with route_localnet. Set on the veth of a pod with
// host ports, it goes with the veth; what a pod sends to the node's loopback is dropped by the nftables table.

import { isKernelError } from '../kernel/errno.ts';
import { readSysctl, type SysctlName } from '../kernel/sysctl.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { addressFamily } from '../net/address.ts';
import { isAnyAddress } from '../net/port-mapping.ts';

export function routeLocalnet(hostIfName: string): SysctlName {
  return `net/ipv4/conf/${hostIfName}/route_localnet`;
}

/** Only for what has a mapping that 127.0.0.1 can reach. */
export function routesLoopback({
  addresses,
  portMappings = [],
}: Pick<LocalEndpoint, 'addresses' | 'portMappings'>): boolean {
  return (
    addresses.some((address) => addressFamily(address) === 4) &&
    portMappings.some(
      ({ hostAddress }) =>
        hostAddress === undefined ||
        (addressFamily(hostAddress) === 4 && isAnyAddress(hostAddress)) ||
        hostAddress.startsWith('127.'),
    )
  );
}

/** For CHECK, in the node's namespace. */
export function loopbackDifferences(endpoint: LocalEndpoint): readonly string[] {
  if (!routesLoopback(endpoint)) return [];
  const name = routeLocalnet(endpoint.hostIfName);
  try {
    return readSysctl(name) === '1' ? [] : [`${name} is not 1`];
  } catch (error) {
    // The interface is gone, which is told already.
    if (isKernelError(error, 'ENOENT')) return [];
    throw error;
  }
}

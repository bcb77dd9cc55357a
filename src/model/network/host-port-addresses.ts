// Addresses of the node at which host ports are reachable. A service proxy adds addresses of Services to the node, too
// (kube-proxy in mode ipvs, kube-router, NodeLocal DNSCache): a host port there would take that port of every Service.

import type { Address } from '../../net/address.ts';
import { hostPrefix, type Prefix, parsePrefix } from '../../net/prefix.ts';
import type { HostAddress, HostFacts } from '../host.ts';
import { compactPrefixes, orderedPrefix } from '../prefix-order.ts';
import type { ServiceAddresses } from './service-addresses.ts';

/** Interfaces that service proxies create to hold addresses of Services, including external ones. */
const serviceInterfaces: ReadonlySet<string> = new Set(['kube-ipvs0', 'kube-dummy-if']);

// Local on every node, whatever its interfaces have.
const alwaysLocal = [parsePrefix('127.0.0.0/8'), parsePrefix('fe80::/10')].map(orderedPrefix);

/**
 * Undefined: every local address belongs to the node. Otherwise an address that appears later is excluded until it is
 * seen, and one of a Service is never included. An address that is also on another interface belongs to the node.
 * External addresses of Services are not considered: many are addresses of nodes.
 */
export function hostPortAddresses(
  { addresses = [] }: HostFacts,
  services: ServiceAddresses,
  routers: readonly Address[],
): readonly Prefix[] | undefined {
  const own = addresses.filter((each) => !isOfService(each, services));
  if (own.length === addresses.length) return undefined;
  const prefixes = [...own.map(({ address }) => address), ...routers].map(hostPrefix);
  return compactPrefixes([...alwaysLocal, ...prefixes.map(orderedPrefix)]);
}

function isOfService({ address, ifName }: HostAddress, services: ServiceAddresses): boolean {
  if (serviceInterfaces.has(ifName)) return true;
  return services.firstIn(orderedPrefix(hostPrefix(address)))?.isCluster === true;
}

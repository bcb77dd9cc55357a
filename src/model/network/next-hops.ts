// The neighbours that pods' packets off this node go through: other nodes on this node's networks, and routers. Their
// entries in the kernel's neighbour table are kept, however many neighbours pods add.

import { memoize } from '../../base/memoize.ts';
import type { Address, AddressFamily } from '../../net/address.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { NextHop } from '../desired.ts';
import type { HostFacts, Uplink } from '../host.ts';
import type { NetworkNode } from '../network-nodes.ts';
import type { RangeOwners } from './pod-ranges.ts';
import { tunnelEndOf } from './remote-nodes.ts';
import type { RoutingContext } from './routing-context.ts';
import { networksOf } from './underlay.ts';

const families: readonly AddressFamily[] = [4, 6];
/** Maximum number of uplinks in one network that the data path supports. */
const mostUplinks = 4;

/**
 * One per address and uplink. A node has at most one address per family here, the one that paths use, however many its
 * Node object claims. An address outside the uplinks' networks is reached through a router.
 */
export function nextHops(
  ownName: string,
  { nodes }: RangeOwners,
  { host, context }: NextHopFacts,
): readonly NextHop[] {
  const others = nodes.filter(({ name }) => name !== ownName).flatMap(hopsToNode(context));
  const hops = [...routers(host), ...others];
  return [...new Map(hops.map((hop) => [`${hop.address} ${hop.ifIndex}`, hop])).values()];
}

export interface NextHopFacts {
  readonly host: HostFacts;
  readonly context: RoutingContext;
}

const routers = memoize(({ uplinks }: HostFacts): readonly NextHop[] =>
  uplinks
    .filter(asksForMacs)
    .flatMap(({ ifIndex, gateways = [] }) => gateways.map((address) => ({ address, ifIndex }))),
);

// Memoized by context and node: an unchanged node keeps its references.
const hopsToNode: (context: RoutingContext) => (node: CheckedNode) => readonly NextHop[] = memoize(
  (context) =>
    memoize((node: NetworkNode) =>
      families.flatMap((family) => {
        const address = tunnelEndOf(node, family);
        return address === undefined ? [] : hopsToAddress(context, address);
      }),
    ),
);

function hopsToAddress(
  { networks, ownAddresses }: RoutingContext,
  address: Address,
): readonly NextHop[] {
  if (ownAddresses.includes(address)) return [];
  const [closest, ...wider] = networksOf(networks, address);
  if (closest === undefined) return [];
  const uplinks = [closest, ...wider.filter(({ prefix }) => prefix === closest.prefix)]
    .map(({ uplink }) => uplink)
    .filter(asksForMacs);
  const indexes = [...new Set(uplinks.map(({ ifIndex }) => ifIndex))].slice(0, mostUplinks);
  return indexes.map((ifIndex) => ({ address, ifIndex }));
}

function asksForMacs({ mac }: Uplink): boolean {
  return mac !== undefined;
}

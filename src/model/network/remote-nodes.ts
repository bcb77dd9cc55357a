// Addresses of the other nodes themselves, which mode vxlan must distinguish from the world's: pods must not send to
// the tunnel port there, and a node may send by its tunnels as any of them.

import { memoize } from '../../base/memoize.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import type { ModelConfig, RemoteNode } from '../desired.ts';
import type { NetworkNode } from '../network-nodes.ts';
import type { RangeOwners } from './pod-ranges.ts';
import type { RoutingContext } from './routing-context.ts';

const none: readonly RemoteNode[] = [];

/**
 * One per address except this node's own. checked-nodes.ts leaves none in a pod range, which belongs to the pods there.
 * The remote end of a node's tunnels is always its own source, whoever else claims it.
 */
export function remoteNodes(
  { mode, nodeName }: ModelConfig,
  { nodes }: RangeOwners,
  { underlay, ownAddresses }: RoutingContext,
): readonly RemoteNode[] {
  if (mode !== 'vxlan') return none;
  const own = new Set(ownAddresses);
  const others = nodes.filter(({ name }) => name !== nodeName);
  const tunnelEnds = new Set(others.flatMap((node) => tunnelEndOf(node, underlay) ?? []));
  const found = new Map<Address, RemoteNode>();
  for (const node of others) {
    for (const address of node.addresses) {
      if (own.has(address) || found.has(address)) continue;
      const isSender = node.unverified?.includes(address) !== true;
      const tunnelEndpoint = tunnelEnds.has(address)
        ? address
        : isSender && tunnelEndOf(node, underlay);
      found.set(address, remoteNode(node)(address)(tunnelEndpoint || 'none'));
    }
  }
  return [...found.values()];
}

/** The address by which other nodes reach this one's tunnels; undefined: they do not. */
export function tunnelEndOf(node: NetworkNode, underlay: AddressFamily): Address | undefined {
  return node.addresses.find((address) => addressFamily(address) === underlay);
}

// The same reference while nothing in it changes: a thousand nodes are compared in each settle.
const remoteNode = memoize((node: NetworkNode) => {
  const known = new Map<string, RemoteNode>();
  return (address: Address) =>
    (tunnelEndpoint: Address | 'none'): RemoteNode => {
      const key = `${address} ${tunnelEndpoint}`;
      const made: RemoteNode = known.get(key) ?? {
        node: node.name,
        address,
        ...(tunnelEndpoint === 'none' ? {} : { tunnelEndpoint }),
      };
      known.set(key, made);
      return made;
    };
});

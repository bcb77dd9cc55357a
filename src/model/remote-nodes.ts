// Addresses of the other nodes themselves, which mode vxlan has to tell from the world's: pods must not send to the tunnel's
// port there, and a node may send by its tunnels as any of them.

import { memoize, memoizeLast } from '../base/memoize.ts';
import { type Address, type AddressFamily, addressFamily } from '../net/address.ts';
import { makePrefix, type Prefix, prefixFamily, prefixLength } from '../net/prefix.ts';
import type { ModelConfig, RemoteNode } from './desired.ts';
import type { NetworkNode } from './network-nodes.ts';
import type { RangeOwners } from './pod-ranges.ts';
import type { RoutingContext } from './routing-context.ts';

const none: readonly RemoteNode[] = [];

/**
 * One for each address. Left out are this node's own and those in a pod range, which belong to the pods there whatever a
 * Node object says. The far end of a node's tunnels is always its own sender, whoever else claims it.
 */
export function remoteNodes(
  { mode, nodeName }: ModelConfig,
  { nodes, owners }: RangeOwners,
  { underlay, ownAddresses }: RoutingContext,
): readonly RemoteNode[] {
  if (mode !== 'vxlan') return none;
  const own = new Set(ownAddresses);
  const others = nodes.filter(({ name }) => name !== nodeName);
  const tunnelEnds = new Set(others.flatMap((node) => tunnelEndOf(node, underlay) ?? []));
  const prefixesOf = prefixesAround(lengthsIn(owners));
  const found = new Map<Address, RemoteNode>();
  for (const node of others) {
    for (const { address, prefixes } of prefixesOf(node)) {
      const isPods = prefixes.some((prefix) => owners.has(prefix));
      if (isPods || own.has(address) || found.has(address)) continue;
      const isSender = node.unverified?.includes(address) !== true;
      const tunnelEndpoint = tunnelEnds.has(address)
        ? address
        : isSender && tunnelEndOf(node, underlay);
      found.set(address, remoteNode(node)(address)(tunnelEndpoint || 'none'));
    }
  }
  return [...found.values()];
}

/** By which other nodes reach this one's tunnels; undefined: they do not. */
export function tunnelEndOf(node: NetworkNode, underlay: AddressFamily): Address | undefined {
  return node.addresses.find((address) => addressFamily(address) === underlay);
}

// The same reference while nothing about it changes: a thousand nodes are compared at each settle.
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

type Lengths = Readonly<Record<AddressFamily, readonly number[]>>;

const lengthsIn = memoizeLast((owners: RangeOwners['owners']): Lengths => {
  const lengths = { 4: new Set<number>(), 6: new Set<number>() };
  for (const prefix of owners.keys()) lengths[prefixFamily(prefix)].add(prefixLength(prefix));
  return sameLengths([...lengths[4]].sort().join(), [...lengths[6]].sort().join());
});

const sameLengths = memoizeLast((ipv4: string, ipv6: string): Lengths => {
  const numbers = (text: string): readonly number[] =>
    text === '' ? [] : text.split(',').map(Number);
  return { 4: numbers(ipv4), 6: numbers(ipv6) };
});

interface AddressPrefixes {
  readonly address: Address;
  /** One of each length that pod ranges have: it is in a range exactly if one of them is that range. */
  readonly prefixes: readonly Prefix[];
}

const prefixesAround = memoize((lengths: Lengths) =>
  memoize(({ addresses }: NetworkNode): readonly AddressPrefixes[] =>
    addresses.map((address) => ({
      address,
      prefixes: lengths[addressFamily(address)].map((length) => makePrefix(address, length)),
    })),
  ),
);

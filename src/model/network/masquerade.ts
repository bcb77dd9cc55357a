// Which pod packets get the node's address when they leave it, and which address: packets to destinations outside the
// cluster, on any interface.

import { memoize } from '../../base/memoize.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import { familyBits, type Prefix } from '../../net/prefix.ts';
import type { Masquerade, ModelConfig, NodeSource, PodRange } from '../desired.ts';
import type { HostAddress, HostFacts, OccupiedRange } from '../host.ts';
import type { NetworkNode } from '../network-nodes.ts';
import { compactPrefixes, type OrderedPrefix, orderedPrefix } from '../prefix-order.ts';
import { compareAge } from './node-claims.ts';
import { nodePrefixes } from './node-prefixes.ts';
import type { RangeOwners } from './pod-ranges.ts';
import { ownedRanges } from './pod-sources.ts';
import { connectedNetworks, networkOf } from './underlay.ts';

export interface MasqueradeFacts {
  readonly podRanges: readonly PodRange[];
  readonly ranges: RangeOwners;
  readonly host: HostFacts;
  /** Absent until the cluster has a Node object for this node. */
  readonly own: NetworkNode | undefined;
}

/** Undefined: nothing is masqueraded. */
export function masqueradeOf(config: ModelConfig, facts: MasqueradeFacts): Masquerade | undefined {
  const { podRanges, ranges, host, own } = facts;
  if (!config.masquerade) return undefined;
  const neighbours = neighbouring(host)(own);
  const exempt = ranges.nodes.flatMap((node) => {
    const used = ownedRanges(node, ranges);
    // With native routing a node can reply to a pod's own address; with an overlay its reply would take another path.
    return config.mode === 'native' ? [...used, ...neighbours(node)] : used;
  });
  return {
    sources: compactPrefixes(podRanges.map(({ prefix }) => orderedPrefix(prefix))),
    exempt: compactPrefixes([...exempt, ...config.nonMasqueradeCidrs.map(orderedPrefix)]),
    nodeSources: ([4, 6] as const).flatMap((family) => nodeSource(host, own, family) ?? []),
  };
}

/**
 * The first address of the family that both the Node object and the node have. An address that belongs to a network
 * gets replies only from that network: packets by another one (a VPN) need an address of that one. An address without a
 * network, on loopback or alone in its prefix, is routed to the node by any uplink.
 */
function nodeSource(
  host: HostFacts,
  own: NetworkNode | undefined,
  family: 4 | 6,
): NodeSource | undefined {
  const present = host.addresses ?? uplinkAddresses(host);
  for (const address of own?.addresses ?? []) {
    const places = present.filter((each) => each.address === address);
    if (addressFamily(address) !== family || places.length === 0) continue;
    const isRouted = places.some(
      ({ prefixLength, leadsNowhere }) => leadsNowhere || prefixLength === familyBits(family),
    );
    const at = places.filter(({ leadsNowhere }) => !leadsNowhere).map(({ ifName }) => ifName);
    const names = isRouted ? [...at, ...host.uplinks.map(({ name }) => name)] : at;
    const interfaces = [...new Set(names)].filter(isPlainName).sort();
    return interfaces.length === 0 ? undefined : { address, interfaces };
  }
  return undefined;
}

function uplinkAddresses({ uplinks }: HostFacts): readonly HostAddress[] {
  return uplinks.flatMap(({ name, addresses }) =>
    addresses.map((each) => ({ ...each, ifName: name, leadsNowhere: false })),
  );
}

// The kernel allows any character in an interface's name; nft interprets some as its own syntax.
function isPlainName(name: string): boolean {
  return /^[\w.:@-]+$/.test(name);
}

// Only a neighbour's address can be a node that pods reach with their own addresses: whoever writes Node objects must
// not exempt 8.8.8.8 or a metadata service for all pods. A gateway does not know where pods are; one that is also a
// Node is reached with masquerading. A kubelet may report addresses of other hosts on the network as well: per family
// only the first that leads to the node counts, and the API server's (its load balancer's) only for Nodes older than
// this one.
const neighbouring = memoize((host: HostFacts) => {
  const networks = connectedNetworks(host);
  const isNeighbour = (address: Address): boolean => networkOf(networks, address) !== undefined;
  const gateways = occupiedBy(host, 'gateway');
  const apiServers = occupiedBy(host, 'api server');
  const of = (own: NetworkNode | undefined): ((node: NetworkNode) => readonly OrderedPrefix[]) =>
    memoize((node) => {
      const { addresses } = nodePrefixes(node);
      const mayServeApi = own !== undefined && compareAge(node, own) <= 0;
      return ([4, 6] as const).flatMap((family) => {
        const index = node.addresses.findIndex(
          (address) => addressFamily(address) === family && isNeighbour(address),
        );
        const found = addresses[index];
        if (found === undefined || gateways.has(found.prefix)) return [];
        return mayServeApi || !apiServers.has(found.prefix) ? [found] : [];
      });
    });
  const withNode = memoize((own: NetworkNode) => of(own));
  const withoutNode = of(undefined);
  return (own: NetworkNode | undefined) => (own === undefined ? withoutNode : withNode(own));
});

function occupiedBy(
  { occupied = [] }: HostFacts,
  kind: OccupiedRange['kind'],
): ReadonlySet<Prefix> {
  return new Set(occupied.filter((each) => each.kind === kind).map(({ prefix }) => prefix));
}

// Which pod packets get the node's address when they leave it, and which address: those to outside the cluster, whichever
// interface they leave by.

import { memoize } from '../base/memoize.ts';
import { addressFamily } from '../net/address.ts';
import { familyBits, hostPrefix } from '../net/prefix.ts';
import type { Masquerade, ModelConfig, NodeSource, PodRange } from './desired.ts';
import type { HostAddress, HostFacts } from './host.ts';
import type { NetworkNode } from './network-nodes.ts';
import type { RangeOwners } from './pod-ranges.ts';
import { compact, type OrderedPrefix, orderedPrefix } from './prefix-order.ts';
import { connectedNetworks, networkOf } from './underlay.ts';

export interface MasqueradeFacts {
  readonly podRanges: readonly PodRange[];
  readonly ranges: RangeOwners;
  readonly host: HostFacts;
  /** Absent until the cluster has a Node object for this node. */
  readonly own: NetworkNode | undefined;
}

/** Undefined: nothing is to be masqueraded, whoever sends it. */
export function masqueradeOf(config: ModelConfig, facts: MasqueradeFacts): Masquerade | undefined {
  const { podRanges, ranges, host, own } = facts;
  if (!config.masquerade) return undefined;
  const exempt = ranges.nodes.flatMap((node) => {
    const said = nodePrefixes(node);
    const used = said.ranges.filter(({ prefix }) => ranges.owners.get(prefix) === node.name);
    // With native routing a node can answer a pod's own address; with an overlay its reply would take another way.
    return config.mode === 'native' ? [...used, ...neighbouring(host)(node)] : used;
  });
  return {
    sources: compact(podRanges.map(({ prefix }) => orderedPrefix(prefix))),
    exempt: compact([...exempt, ...config.nonMasqueradeCidrs.map(orderedPrefix)]),
    nodeSources: ([4, 6] as const).flatMap((family) => nodeSource(host, own, family) ?? []),
  };
}

/**
 * The first address of the family that the Node object has and the node too. One that belongs to a network is answered by
 * that network alone: what leaves by another (a VPN) needs an address of that other one. One that belongs to none, on
 * loopback or alone in its prefix, is routed to the node, whichever uplink it is.
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

// The kernel allows any character in an interface's name; nft reads some as its own syntax.
function isPlainName(name: string): boolean {
  return /^[\w.:@-]+$/.test(name);
}

// An address that is not a neighbour's cannot be a node that pods' packets reach with their own addresses: whoever writes
// Node objects must not take 8.8.8.8 or a metadata service away from all pods. Nor a gateway, which does not know where pods
// are; one that is a Node as well is reached masqueraded.
const neighbouring = memoize((host: HostFacts) => {
  const networks = connectedNetworks(host);
  const gateways = new Set<string>(
    (host.occupied ?? []).filter(({ kind }) => kind === 'gateway').map(({ prefix }) => prefix),
  );
  return memoize((node: NetworkNode): readonly OrderedPrefix[] => {
    const { addresses } = nodePrefixes(node);
    return node.addresses.flatMap((address, index) => {
      const isNeighbour =
        networkOf(networks, address) !== undefined && !gateways.has(hostPrefix(address));
      return (isNeighbour && addresses[index]) || [];
    });
  });
});

interface NodePrefixes {
  readonly ranges: readonly OrderedPrefix[];
  readonly addresses: readonly OrderedPrefix[];
}

export const nodePrefixes: (node: NetworkNode) => NodePrefixes = memoize(
  ({ podCidrs, addresses }) => ({
    ranges: podCidrs.map(orderedPrefix),
    addresses: addresses.map((address) => orderedPrefix(hostPrefix(address))),
  }),
);

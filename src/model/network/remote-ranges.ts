// The path to another node's pods: a neighbour as next hop (native), or the remote end of a tunnel (vxlan).

import { memoize } from '../../base/memoize.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import { type Prefix, prefixFamily } from '../../net/prefix.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { ModelProblem, RemotePath, RemoteRange } from '../desired.ts';
import type { Uplink } from '../host.ts';
import type { RoutingContext } from './routing-context.ts';
import { networkOf, networksOf } from './underlay.ts';

export interface NodeRanges {
  readonly ranges: readonly RemoteRange[];
  readonly problems: readonly ModelProblem[];
}

/** Memoized by context and node: an unchanged node costs nothing and keeps its references. */
export const remoteRanges: (context: RoutingContext) => (node: CheckedNode) => NodeRanges = memoize(
  (context) => memoize((node) => rangesOfNode(context, node)),
);

function rangesOfNode(context: RoutingContext, node: CheckedNode): NodeRanges {
  // Refused claims already have their own problems.
  if (node.lostRanges || node.lostAddresses) return { ranges: [], problems: [] };
  const flaw = nodeFlaw(node);
  if (flaw !== undefined) return { ranges: [], problems: [{ object: node.name, text: flaw }] };
  const ranges: RemoteRange[] = [];
  const problems: ModelProblem[] = [];
  for (const prefix of node.podCidrs) {
    const path = pathTo(context, node, prefix);
    if ('alike' in path) problems.push({ object: `${node.name} ${prefix}`, ...path });
    else ranges.push({ node: node.name, prefix, path });
  }
  return { ranges, problems };
}

function nodeFlaw({ podCidrs, addresses }: CheckedNode): string | undefined {
  if (podCidrs.length === 0) return 'has no pod ranges (spec.podCIDRs): no routes to it';
  if (addresses.length === 0) return 'has no InternalIP (status.addresses): no routes to it';
  return undefined;
}

/** Why there is no path; `alike`: the text without the node's details. */
interface NoPath {
  readonly text: string;
  readonly alike: string;
}

interface NoPathParts {
  readonly what: 'no route' | 'no tunnel';
  /** The address that would be used. */
  readonly via?: string;
  /** Follows the node's name. */
  readonly why: string;
}

function noPath(name: string, { what, via = '', why }: NoPathParts): NoPath {
  return { text: `${what}${via}: ${name}${why}`, alike: `${what}: the node${why}` };
}

function pathTo(context: RoutingContext, node: CheckedNode, prefix: Prefix): RemotePath | NoPath {
  switch (context.mode) {
    case 'native':
      return nativePath(context, node, prefix);
    case 'vxlan':
      return overlayPath(context, node);
  }
}

function nativePath(
  context: RoutingContext,
  node: CheckedNode,
  prefix: Prefix,
): RemotePath | NoPath {
  const family = prefixFamily(prefix);
  const nextHop = addressOf(node, family);
  if (nextHop === undefined) {
    const why = ` has no IPv${family} InternalIP (mode vxlan carries IPv6 pods over IPv4)`;
    return noPath(node.name, { what: 'no route', why });
  }
  const via = ` via ${nextHop}`;
  if (context.ownAddresses.includes(nextHop)) {
    return noPath(node.name, { what: 'no route', via, why: "'s address is this node's own" });
  }
  const network = networkOf(context.networks, nextHop);
  if (network === undefined) {
    return noPath(node.name, {
      what: 'no route',
      via,
      why: "'s address is not on a connected network",
    });
  }
  const { ifIndex, name } = network.uplink;
  const used = [network.uplink, ...waysIn(context, node, nextHop)];
  const others = [...new Set(used.map((uplink) => uplink.ifIndex))].slice(1, 4);
  return {
    ...{ kind: 'native', nextHop, ifIndex, ifName: name },
    ...(others.length === 0 ? {} : { otherIfIndexes: others }),
    ...(used.some(({ mac }) => mac === undefined) ? { byStack: true } : {}),
  };
}

// A node chooses which of two common networks it uses: it knows this node by its first address, and may be a neighbour
// by any of its own, whether its Node object has it or not.
function waysIn(
  { networks, nodeAddresses }: RoutingContext,
  { addresses }: CheckedNode,
  nextHop: Address,
): readonly Uplink[] {
  const family = addressFamily(nextHop);
  const own = nodeAddresses.find((address) => addressFamily(address) === family);
  const ends = [nextHop, ...(own === undefined ? [] : [own]), ...addresses];
  return ends
    .filter((address) => addressFamily(address) === family)
    .flatMap((address) => networksOf(networks, address).map(({ uplink }) => uplink));
}

function overlayPath(context: RoutingContext, node: CheckedNode): RemotePath | NoPath {
  const tunnelEndpoint = addressOf(node, context.underlay);
  if (tunnelEndpoint === undefined) {
    const why = ` has no IPv${context.underlay} InternalIP, and this node's tunnels run over IPv${context.underlay}`;
    return noPath(node.name, { what: 'no tunnel', why });
  }
  if (context.ownAddresses.includes(tunnelEndpoint)) {
    const via = ` to ${tunnelEndpoint}`;
    return noPath(node.name, { what: 'no tunnel', via, why: "'s address is this node's own" });
  }
  return { kind: 'overlay', tunnelEndpoint };
}

function addressOf(node: CheckedNode, family: AddressFamily): Address | undefined {
  return node.addresses.find((address) => addressFamily(address) === family);
}

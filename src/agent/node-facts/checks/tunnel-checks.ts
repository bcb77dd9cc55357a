// Facts about tunnel packets: other nodes accept them only from addresses by which they know this node.

import { overlayDeviceName } from '../../../model/ids.ts';
import { PrefixIndex } from '../../../model/prefix-index.ts';
import { orderedPrefix } from '../../../model/prefix-order.ts';
import { type Address, addressFamily } from '../../../net/address.ts';
import { hostPrefix, type Prefix, prefixFamily, prefixLength } from '../../../net/prefix.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { interfacesOut, isUsableAsSource } from './exit-checks.ts';
import { type Finding, note, problem, some } from './fact.ts';

export function tunnelAddressFindings(node: ObservedNode): readonly Finding[] {
  return [...missingEnd(node), ...unroutedEnds(node), ...unacceptedSources(node)];
}

// A node that is alone in its cluster has no tunnels.
function missingEnd({ desired, kernel }: ObservedNode): readonly Finding[] {
  const { overlay, remoteRanges } = desired;
  const end = overlay?.address;
  if (end === undefined || remoteRanges.length === 0) return [];
  if (kernel.host.addresses.some(({ address }) => address === end)) return [];
  return [
    problem(
      `the Node object has InternalIP ${end}, which the tunnels use, but this node does not have that address: pods of other nodes cannot be reached`,
    ),
  ];
}

// If routing rules look up other tables, a route in any of them counts.
function unroutedEnds({ desired, kernel }: ObservedNode): readonly Finding[] {
  if (desired.overlay === undefined) return [];
  const ends = new Set(
    desired.remoteRanges.flatMap(({ path }) =>
      path.kind === 'overlay' ? [path.tunnelEndpoint] : [],
    ),
  );
  const ways = [...kernel.host.routes, ...kernel.policyRoutes]
    .filter(({ type }) => type === 'unicast')
    .map(({ destination }) => destination);
  const { unreadRoutes = [] } = kernel.host;
  const unrouted = [...ends]
    .filter((end) => !unreadRoutes.includes(addressFamily(end)))
    .filter(addressesOutside(ways));
  if (unrouted.length === 0) return [];
  return [
    problem(
      `no route leads to the tunnel endpoints ${some(unrouted)}: pods of these nodes cannot be reached`,
    ),
  ];
}

// A default route, which almost every node has, covers its whole family.
function addressesOutside(ways: readonly Prefix[]): (address: Address) => boolean {
  const everywhere = new Set(
    ways.filter((way) => prefixLength(way) === 0).map((way) => prefixFamily(way)),
  );
  const others = ways.filter((way) => !everywhere.has(prefixFamily(way)));
  const index = new PrefixIndex(others.map((way) => ({ ordered: orderedPrefix(way) })));
  return (address) =>
    !everywhere.has(addressFamily(address)) &&
    index.around(orderedPrefix(hostPrefix(address))) === undefined;
}

// With masquerading, such packets get the tunnel device's address. Bridges of containers have addresses, too, but lead
// nowhere.
function unacceptedSources({ desired, kernel, nodeAddresses }: ObservedNode): readonly Finding[] {
  const { overlay, masquerade, podRanges } = desired;
  if (overlay === undefined || masquerade !== undefined) return [];
  const families = new Set(podRanges.map(({ prefix }) => prefixFamily(prefix)));
  const links = new Map(kernel.host.links.map((link) => [link.ifIndex, link]));
  const leading = new Set(kernel.host.routes.flatMap((route) => interfacesOut(route, links)));
  const others = kernel.host.addresses
    .filter(({ ifIndex }) => leading.has(ifIndex) && links.get(ifIndex)?.name !== overlayDeviceName)
    .map(({ address }) => address)
    .filter((address) => isUsableAsSource(address) && families.has(addressFamily(address)))
    .filter((address) => !nodeAddresses.includes(address));
  if (others.length === 0) return [];
  return [
    note(
      `masquerading is off: packets from ${some(others)} of this node to pods of other nodes are dropped there as \`spoofed tunnel\``,
    ),
  ];
}

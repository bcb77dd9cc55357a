// Facts about what leaves by the tunnel: other nodes take only what comes from addresses that they know this node by.

import { overlayDeviceName } from '../../../model/network/overlay-device.ts';
import { addressFamily } from '../../../net/address.ts';
import { prefixFamily } from '../../../net/prefix.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { interfacesOut, isUsableAsSource } from './exit-checks.ts';
import { type Finding, note, problem, some } from './fact.ts';

export function tunnelAddressFindings(node: ObservedNode): readonly Finding[] {
  return [...missingEnd(node), ...unacceptedSources(node)];
}

// Alone in its cluster a node has no tunnels.
function missingEnd({ desired, kernel }: ObservedNode): readonly Finding[] {
  const { overlay, remoteRanges } = desired;
  const end = overlay?.address;
  if (end === undefined || remoteRanges.length === 0) return [];
  if (kernel.host.addresses.some(({ address }) => address === end)) return [];
  return [
    problem(
      `tunnels go to and from InternalIP ${end}, as the Node object says, which this node does not have: pods of other nodes are out of reach`,
    ),
  ];
}

// With masquerading these get the tunnel device's address. Bridges of containers have addresses as well, which lead nowhere.
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
      `masquerading is off: what this node sends to pods of other nodes by ${some(others)} is dropped there as \`spoofed tunnel\``,
    ),
  ];
}

// Facts about packets of pods outside the cluster: the interfaces they leave by and their source addresses.

import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';
import type { RouteRecord } from '../../../kernel/netlink/route-record.ts';
import { overlayDeviceName } from '../../../model/ids.ts';
import { isLinkLocal } from '../../../model/network/underlay.ts';
import { type Address, type AddressFamily, addressFamily } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { prefixFamily, prefixLength } from '../../../net/prefix.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem, some } from './fact.ts';

export function exitFindings(node: ObservedNode): readonly Finding[] {
  const { desired, nodeAddresses, kernel } = node;
  const { masquerade } = desired;
  if (masquerade === undefined) return [];
  const present = new Set(kernel.host.addresses.map(({ address }) => address));
  // A missing tunnel endpoint is worse than a note: see tunnel-checks.ts.
  const away = nodeAddresses.filter(
    (address) => !present.has(address) && address !== desired.overlay?.address,
  );
  const mute = exits(node).filter(({ address }) => address === undefined);
  return [
    ...(away.length === 0
      ? []
      : [
          note(
            `the Node object has InternalIP ${some(away)}, but this node does not have that address: pods leave by ${listed(exits(node))}`,
          ),
        ]),
    ...mute.map(({ name, family }) =>
      problem(
        `${name} leads out of the cluster over IPv${family}, but the node has no IPv${family} address for it: packets of pods are dropped there`,
      ),
    ),
  ];
}

/** Describes exits where pods leave with an address other than the node's; undefined if there are none. */
export function unusualExits(node: ObservedNode): string | undefined {
  const isUsual = ({ address }: Exit): boolean =>
    address === undefined || node.nodeAddresses.includes(address);
  return exits(node).every(isUsual) ? undefined : `pods leave by ${listed(exits(node))}`;
}

/** `eth0 as 192.0.2.11, wg0 as 198.51.100.2` */
function listed(all: readonly Exit[]): string {
  const known = all.filter(({ address }) => address !== undefined);
  return known.length === 0
    ? 'none'
    : some(
        known.map(({ name, address }) => `${name} as ${address}`),
        8,
      );
}

interface Exit {
  readonly name: string;
  readonly family: AddressFamily;
  readonly address: Address | undefined;
}

function exits({ desired, kernel: { host } }: ObservedNode): readonly Exit[] {
  const { masquerade } = desired;
  if (masquerade === undefined) return [];
  const links = new Map(host.links.map((link) => [link.ifIndex, link]));
  return ([4, 6] as const).flatMap((family) => {
    if (!masquerade.sources.some((prefix) => prefixFamily(prefix) === family)) return [];
    const routes = host.routes.filter((route) => prefixFamily(route.destination) === family);
    const leading = new Set(routes.flatMap((route) => interfacesOut(route, links)));
    return [...leading].flatMap((ifIndex): Exit[] => {
      const name = links.get(ifIndex)?.name;
      if (name === undefined || name === overlayDeviceName) return [];
      const source = masquerade.nodeSources.find(
        ({ address, interfaces }) => addressFamily(address) === family && interfaces.includes(name),
      );
      const candidates = host.addresses.filter(
        ({ address }) => addressFamily(address) === family && isUsableAsSource(address),
      );
      // The kernel's choice: the first address of the interface, otherwise any of the node.
      const own = candidates.find((each) => each.ifIndex === ifIndex) ?? candidates[0];
      return [{ name, family, address: source?.address ?? own?.address }];
    });
  });
}

// Interfaces with a router behind them, and tunnels. A network of neighbours without a router (a bridge of containers)
// belongs to the node itself.
export function interfacesOut(
  { type, destination, ifIndex, gateway, nextHops }: RouteRecord,
  links: ReadonlyMap<IfIndex, ConfiguredLink>,
): readonly IfIndex[] {
  if (type !== 'unicast') return [];
  if (nextHops !== undefined) return nextHops.map((hop) => hop.ifIndex);
  if (ifIndex === undefined) return [];
  const isTunnel = links.get(ifIndex)?.noArp === true && links.get(ifIndex)?.loopback === false;
  const leads = gateway !== undefined || prefixLength(destination) === 0 || isTunnel;
  return leads && !destination.startsWith('fe80:') && !destination.startsWith('ff00:')
    ? [ifIndex]
    : [];
}

export function isUsableAsSource(address: Address): boolean {
  return !isLinkLocal(address) && !address.startsWith('127.') && address !== '::1';
}

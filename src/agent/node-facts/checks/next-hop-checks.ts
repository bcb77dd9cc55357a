// Facts about permanent neighbour entries of next hops (other nodes, routers) set by another process.

import type { ConfiguredLink } from '../../../kernel/netlink/devconf.ts';
import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, some } from './fact.ts';

// The kernel resolves heddle's next hops. A permanent entry is left alone, right or wrong: it may be intended where ARP
// is not answered.
export function nextHopFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const { foreignNeighbours, host } = kernel;
  if (foreignNeighbours.length === 0) return [];
  const isNextHop = new Set(desired.nextHops.map(keyOf));
  // The kernel itself makes such entries where the interface has no ARP, which is a fact of its own.
  const noArp = new Set(host.links.filter(hasNoArp).map(({ ifIndex }) => ifIndex));
  const found = foreignNeighbours.filter(
    (each) => isNextHop.has(keyOf(each)) && !(each.state === 'noarp' && noArp.has(each.ifIndex)),
  );
  if (found.length === 0) return [];
  const names = new Map(host.links.map(({ ifIndex, name }) => [ifIndex, name]));
  const all = found.map(
    ({ address, ifIndex, mac, state }) =>
      `next hop ${address} dev ${names.get(ifIndex)} (${mac}${state === 'permanent' ? '' : `, ${state}`})`,
  );
  return [
    note(
      `another process has set permanent neighbour entries: ${some(all)}; a wrong MAC address there cuts pods off from everything behind that next hop`,
    ),
  ];
}

// Interfaces of Ethernet networks. Others with MAC addresses (ipvlan in mode l3, dummy, VRF) never use ARP.
const ethernet: ReadonlySet<string | undefined> = new Set([
  undefined,
  ...['vlan', 'bond', 'team', 'bridge', 'veth', 'macvlan', 'macvtap'],
]);

/** Whether the kernel resolves no addresses at an interface that needs it. */
export function hasNoArp({ noArp, mac, kind }: ConfiguredLink): boolean {
  return noArp && mac !== undefined && ethernet.has(kind);
}

function keyOf({
  address,
  ifIndex,
}: {
  readonly address: string;
  readonly ifIndex: number;
}): string {
  return `${address} ${ifIndex}`;
}

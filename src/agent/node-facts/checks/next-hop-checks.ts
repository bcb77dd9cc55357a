// Facts about permanent neighbour entries of next hops (other nodes, routers) set by another process.

import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, some } from './fact.ts';

// The kernel resolves heddle's next hops. A permanent entry is left alone, right or wrong: it may be intended where ARP
// is not answered.
export function nextHopFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const { foreignNeighbours, host } = kernel;
  if (foreignNeighbours.length === 0) return [];
  const isNextHop = new Set(desired.nextHops.map(keyOf));
  const found = foreignNeighbours.filter((each) => isNextHop.has(keyOf(each)));
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

function keyOf({
  address,
  ifIndex,
}: {
  readonly address: string;
  readonly ifIndex: number;
}): string {
  return `${address} ${ifIndex}`;
}

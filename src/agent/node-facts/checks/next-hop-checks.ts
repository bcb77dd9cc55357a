// Facts about neighbour entries of next hops (other nodes, routers) that another process has set for good.

import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, some } from './fact.ts';

// Ours the kernel resolves; such a one is left alone, right or wrong: it may be meant, where ARP is not answered.
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
      `entries that another process has set for good: ${some(all)}; a wrong MAC address there cuts pods off from what is behind it`,
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

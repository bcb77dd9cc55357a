// Facts about neighbour entries of next hops (other nodes, routers) that another process has made permanent.

import { type Finding, note, some } from './fact.ts';
import type { ObservedNode } from './observed-node.ts';

// Ours the kernel resolves; a permanent one is left alone, right or wrong: it may be meant, where ARP is not answered.
export function nextHopFindings({ kernel, desired }: ObservedNode): readonly Finding[] {
  const { permanentNeighbours, host } = kernel;
  if (permanentNeighbours.length === 0) return [];
  const isNextHop = new Set(desired.nextHops.map(keyOf));
  const found = permanentNeighbours.filter((each) => isNextHop.has(keyOf(each)));
  if (found.length === 0) return [];
  const names = new Map(host.links.map(({ ifIndex, name }) => [ifIndex, name]));
  const all = found.map(
    ({ address, ifIndex, mac, state }) =>
      `next hop ${address} dev ${names.get(ifIndex)} (${mac}${state === 'permanent' ? '' : `, ${state}`})`,
  );
  return [
    note(
      `permanent entries by another process: ${some(all)}; a wrong MAC address there cuts pods off from what is behind it`,
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

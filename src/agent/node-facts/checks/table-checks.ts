// Facts about kernel tables that may be full: connections and neighbours.

import type { ObservedNode } from '../observed/observed-node.ts';
import { type Finding, note, problem } from './fact.ts';

const nearlyFull = 0.9;

export function conntrackFindings({ kernel: { settings } }: ObservedNode): readonly Finding[] {
  const count = Number(settings.get('net/netfilter/nf_conntrack_count') ?? 0);
  const most = Number(settings.get('net/netfilter/nf_conntrack_max') ?? 0);
  if (most === 0 || count < most * nearlyFull) return [];
  const text = `${count} of ${most} connections are tracked (net.netfilter.nf_conntrack_max): packets of new connections`;
  return count >= most
    ? [problem(`${text} are dropped`)]
    : [note(`${text} will be dropped when the limit is reached`)];
}

export function neighbourFindings({
  kernel: { neighbourOverflows },
}: ObservedNode): readonly Finding[] {
  if (neighbourOverflows === 0) return [];
  return [
    problem(
      `the kernel's neighbour table was full ${neighbourOverflows} times in the last minutes: packets to neighbours that are not in it yet are dropped; entries of other nodes and routers stay; raise net.ipv4.neigh.default.gc_thresh3 (and gc_thresh2, and the same for IPv6)`,
    ),
  ];
}

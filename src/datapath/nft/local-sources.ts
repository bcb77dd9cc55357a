// Packets that a process of the node sends with the source address of a pod. Programs at interfaces cannot recognize
// them: a packet of a process has no interface that it came by.

import type { Prefix } from '../../net/prefix.ts';
import { prefixFamily } from '../../net/prefix.ts';
import { addressSet, priorities, type TableContents } from './rule-text.ts';

/** The counter of packets with a pod's source that a process of the node sent. */
export const localSourceCounter = 'local_source';

const check = 'local_source_check';

/**
 * Only for IPv6: `IPV6_FREEBIND` lets any process send from any address, while the kernel sends IPv4 from an address of
 * others only for a socket with `IP_TRANSPARENT`. Undefined: no pod has an IPv6 address. `podSources`: disjoint.
 */
export function localSourceRules(podSources: readonly Prefix[]): TableContents | undefined {
  if (podSources.every((prefix) => prefixFamily(prefix) === 4)) return undefined;
  return {
    collections: [addressSet('pods6', 6, podSources)],
    counters: [localSourceCounter],
    chains: [
      { name: check, rules: checkRules },
      {
        name: 'local_sources',
        at: { type: 'filter', hook: 'output', priority: priorities.raw },
        rules: [`ip6 saddr @pods6 fib saddr type != local jump ${check}`],
      },
    ],
  };
}

// A transparent proxy sends as its clients do, which takes CAP_NET_ADMIN or CAP_NET_RAW. The kernel sends resets and last
// acknowledgements of its connections by a socket of its own; a process cannot send such segments, because it never
// gets the answer to its SYN. A packet without a socket is a reset by a REJECT rule, or led here by IPVS.
const checkRules: readonly string[] = [
  'tcp flags & syn == 0x0 return',
  `socket transparent 0 counter name "${localSourceCounter}" drop`,
];

// Packets that a process of the node sends with the source address of a pod. Programs at interfaces cannot recognize
// them: a packet of a process has no interface that it came by.

import { KernelError } from '../../kernel/errno.ts';
import type { Nftables } from '../../kernel/netfilter/nftables.ts';
import { type Prefix, prefixFamily } from '../../net/prefix.ts';
import { addressSet, priorities, type TableContents } from './rule-text.ts';

/** The counter of packets with a pod's source that a process of the node sent. */
export const localSourceCounter = 'local_source';

const check = 'local_source_check';

/**
 * Whether the kernel has the expression that these rules need: CONFIG_NFT_SOCKET, Linux 4.20. Without it, it would
 * refuse the whole table. Nothing is left of the attempt. Throws no KernelError.
 */
export function matchesSockets(nft: Pick<Nftables, 'apply'>): boolean {
  const table = 'inet heddle_attempt';
  const commands = [
    `add table ${table}`,
    `add chain ${table} output { type filter hook output priority 0; }`,
    `add rule ${table} output socket transparent 0`,
    `delete table ${table}`,
  ];
  try {
    nft.apply(commands.join('\n'));
    return true;
  } catch (error) {
    if (error instanceof KernelError) return false;
    throw error;
  }
}

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

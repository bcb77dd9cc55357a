// Packets that belong to a connection which NAT translates, but that NAT passes on in a harmful way: a pod's path-MTU
// errors, which would speak for the node, and TCP segments that connection tracking calls invalid, which would be
// answered with a reset.

import { fromPods, priorities, type TableContents } from './rule-text.ts';

/** The counter of a pod's path-MTU errors about translated connections, which were dropped. */
export const pathMtuCounter = 'path_mtu';

/** The counter of TCP segments outside their connections that were dropped. */
export const straySegmentCounter = 'stray_segment';

const errors = 'pod_errors';
const strays = 'stray_segments';

/** `matchesSockets`: the kernel has the expression `socket`. */
export function translatedRules(matchesSockets: boolean): TableContents {
  // After IPVS (98 to 100): it translates by itself, also segments that connection tracking calls invalid.
  const at = { type: 'filter', priority: priorities.afterSrcnat } as const;
  const toErrors = `${fromPods} meta l4proto { 1, 58 } jump ${errors}`;
  return {
    collections: [],
    counters: [pathMtuCounter, straySegmentCounter],
    chains: [
      { name: errors, rules: errorRules },
      ...(matchesSockets ? [{ name: strays, rules: strayRules }] : []),
      {
        name: 'translated_passes',
        at: { ...at, hook: 'forward' },
        rules: [toErrors, `${fromPods} ${isStray} ${dropStray}`],
      },
      {
        name: 'translated_enters',
        at: { ...at, hook: 'input' },
        rules: [toErrors, ...(matchesSockets ? [`${isStray} jump ${strays}`] : [])],
      },
    ],
  };
}

// A pod is the end of the path to it, so only a network behind the pod can carry less than its interface does. NAT would
// turn the error into one about the path to this node, and its receiver would send less to the node and to all other
// pods there. What IPVS has translated has an address of this node by now, and no mark of it.
const errorRules: readonly string[] = [
  'icmp type destination-unreachable icmp code frag-needed',
  'icmpv6 type packet-too-big',
].flatMap((isTooBig) =>
  ['ct status snat,dnat', 'fib saddr type local'].map(
    (isTranslated) => `${isTooBig} ${isTranslated} counter name "${pathMtuCounter}" drop`,
  ),
);

// Late or reordered segments outside the window of their connection are not translated: whoever gets them does not know
// the connection. No one answers a reset.
const isStray = 'tcp flags & rst == 0x0 ct state invalid';
const dropStray = `counter name "${straySegmentCounter}" drop`;

// A segment for a socket of this node is its own business.
const strayRules: readonly string[] = ['socket transparent { 0, 1 } return', dropStray];

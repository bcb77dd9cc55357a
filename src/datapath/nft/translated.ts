// Packets that belong to a connection which NAT translates, but that NAT passes on in a harmful way: path-MTU errors,
// which would speak for the node, and TCP segments that connection tracking calls invalid, which would be answered with
// a reset.

import type { Prefix } from '../../net/prefix.ts';
import { addressSet, fromPods, priorities, type TableContents } from './rule-text.ts';

/** The counter of path-MTU errors about translated connections, which were dropped. */
export const pathMtuCounter = 'path_mtu';

/** The counter of TCP segments outside their connections that were dropped. */
export const straySegmentCounter = 'stray_segment';

const podErrors = 'pod_errors';
const passingErrors = 'passing_errors';
const strays = 'stray_segments';

export interface TranslatedOptions {
  /** The kernel has the expression `socket`. */
  readonly matchesSockets: boolean;
  /** Ranges of all nodes' pods, disjoint. */
  readonly podSources: readonly Prefix[];
  /** Rules for packets to this node, after the ones about errors of pods. */
  readonly entering: readonly string[];
}

export function translatedRules(options: TranslatedOptions): TableContents {
  const { matchesSockets, podSources, entering } = options;
  // After IPVS (98 to 100): it translates by itself, also segments that connection tracking calls invalid.
  const at = { type: 'filter', priority: priorities.afterSrcnat } as const;
  const ofErrors = 'meta l4proto { 1, 58 } jump';
  return {
    collections: families.map(({ version }) =>
      addressSet(`cluster_pods${version}`, version, podSources),
    ),
    counters: [pathMtuCounter, straySegmentCounter],
    chains: [
      { name: podErrors, rules: podErrorRules },
      { name: passingErrors, rules: [`jump ${podErrors}`, ...passingErrorRules] },
      ...(matchesSockets ? [{ name: strays, rules: strayRules }] : []),
      {
        name: 'translated_passes',
        at: { ...at, hook: 'forward' },
        rules: [`${ofErrors} ${passingErrors}`, `${fromPods} ${isStray} ${dropStray}`],
      },
      {
        name: 'translated_enters',
        at: { ...at, hook: 'input' },
        rules: [
          `${ofErrors} ${podErrors}`,
          ...entering,
          ...(matchesSockets ? [`${isStray} jump ${strays}`] : []),
        ],
      },
    ],
  };
}

const families = [
  { version: 4, ip: 'ip', isTooBig: 'icmp type destination-unreachable icmp code frag-needed' },
  { version: 6, ip: 'ip6', isTooBig: 'icmpv6 type packet-too-big' },
] as const;
const dropError = `counter name "${pathMtuCounter}" drop`;

// A pod is the end of the path to it, so only a network behind the pod can carry less than its interface does. NAT would
// turn the error into one about the path to this node, and its receiver would send less to the node and to all other
// pods there. The pod may be another node's, where this connection is not translated. What IPVS has translated has an
// address of this node by now, and no mark of it.
const podErrorRules: readonly string[] = families.flatMap(({ version, ip, isTooBig }) =>
  [
    `${fromPods} ct status snat,dnat`,
    `${fromPods} fib saddr type local`,
    `${ip} saddr @cluster_pods${version} ct status snat,dnat`,
  ].map((isTranslated) => `${isTooBig} ${isTranslated} ${dropError}`),
);

// Any other sender's errors, if NAT or IPVS gives them the address of this node or of a Service as their source. Routers
// outside keep their own address in errors about connections that are masqueraded or lead to a host port. What is for a
// pod changes nothing but the path of that pod: among it are routers' errors to the backends of a node port.
const passingErrorRules: readonly string[] = families.flatMap(({ version, ip, isTooBig }) =>
  [
    'ct direction original ct status snat',
    'ct direction reply ct status dnat',
    'fib saddr type local',
  ].map(
    (getsSource) => `${isTooBig} ${ip} daddr != @cluster_pods${version} ${getsSource} ${dropError}`,
  ),
);

// Late or reordered segments outside the window of their connection are not translated: whoever gets them does not know
// the connection. No one answers a reset.
const isStray = 'tcp flags & rst == 0x0 ct state invalid';
const dropStray = `counter name "${straySegmentCounter}" drop`;

// A segment for a socket of this node is its own business.
const strayRules: readonly string[] = ['socket transparent { 0, 1 } return', dropStray];

// What on this node's own kernel must be so for pods' packets to arrive, and to arrive as they should: the list. `heddle
// status`, the metric heddle_node_fact and docs/troubleshooting.md have one entry for each.

import { exitFindings, unusualExits } from './checks/exit-checks.ts';
import type { NodeFact } from './checks/fact.ts';
import { forwardFindings, localFindings, trackingFindings } from './checks/hook-checks.ts';
import {
  forwardingFindings,
  ipsecFindings,
  ipv6Findings,
  linkFindings,
  mtuFindings,
  otherNetworkFindings,
  reversePathFindings,
  routerFindings,
  tunnelPortFindings,
} from './checks/interface-checks.ts';
import { legacyFindings, legacyInUse } from './checks/legacy-checks.ts';
import { fragmentFindings, insertFindings } from './checks/loss-checks.ts';
import { nextHopFindings } from './checks/next-hop-checks.ts';
import { podMtuFindings } from './checks/pod-interface-checks.ts';
import { programFindings } from './checks/program-checks.ts';
import { queueFindings } from './checks/queue-checks.ts';
import { routeFindings, ruleFindings } from './checks/route-checks.ts';
import { conntrackFindings, neighbourFindings } from './checks/table-checks.ts';
import { translationFindings } from './checks/translation-checks.ts';
import { tunnelAddressFindings } from './checks/tunnel-checks.ts';

const bySysctls = { restoredBy: 'sysctls' } as const;
const byHand = (text: string): { readonly text: string } => ({ text });

/** In the order in which problems are shown. */
export const nodeFacts: readonly NodeFact[] = [
  {
    id: 'forwarding',
    title: "the kernel forwards at every interface that pods' packets come in by",
    remedy: bySysctls,
    check: forwardingFindings,
  },
  {
    id: 'ipv6-enabled',
    title: 'interfaces of pods with IPv6 addresses, and uplinks, have IPv6',
    remedy: bySysctls,
    check: ipv6Findings,
  },
  {
    id: 'router-advertisements',
    title: 'interfaces that take router advertisements go on taking them',
    remedy: bySysctls,
    check: routerFindings,
  },
  {
    id: 'links',
    title: 'uplinks and interfaces of pods are up, and belong to no bridge or VRF',
    remedy: byHand('set the interface up, or take it out of the device that it belongs to'),
    check: linkFindings,
  },
  {
    id: 'pod-interfaces',
    title: 'interfaces of pods carry packets as large as their pods send',
    remedy: byHand('ip link set dev NAME mtu N, as it was made with'),
    check: podMtuFindings,
  },
  {
    id: 'queues',
    title: 'no queue of others holds or drops what goes to pods or into the tunnel',
    remedy: byHand('tc qdisc show dev NAME; tc qdisc delete dev NAME root'),
    check: queueFindings,
  },
  {
    id: 'forward-hooks',
    title: "no rule of others drops pods' packets",
    remedy: byHand('accept the pod ranges in the chain that is named, in the way of its owner'),
    check: forwardFindings,
  },
  {
    id: 'local-hooks',
    title: "no rule of others drops tunnelled packets, or the node's own connections to pods",
    remedy: byHand('accept the port or the pod ranges in the chain that is named'),
    check: localFindings,
  },
  {
    id: 'iptables-legacy',
    title: 'there are no rules that cannot be read',
    remedy: byHand('look with iptables-legacy-save; iptables-nft-restore takes its output'),
    check: legacyFindings,
    describe: legacyInUse,
  },
  {
    id: 'connection-tracking',
    title: "pods' packets are tracked, so that they can be translated",
    remedy: byHand('leave pod ranges out of the rule that is named'),
    check: trackingFindings,
  },
  {
    id: 'translation',
    title: "no rule of others translates pods' packets",
    remedy: byHand('leave pod ranges out of the rule that is named, unless it is meant'),
    check: translationFindings,
  },
  {
    id: 'routes',
    title: 'pod ranges belong to pods alone: no route or address of others is in them',
    remedy: byHand('delete the route or the address, or give the cluster another pod range'),
    check: routeFindings,
  },
  {
    id: 'routing-rules',
    title: 'the main table is asked first for packets to pods',
    remedy: byHand(
      'ip rule add to RANGE lookup main priority N, with N below that of the rule named',
    ),
    check: ruleFindings,
  },
  {
    id: 'exit-address',
    title: 'every way out of the cluster has an address for pods to leave with',
    remedy: byHand('give the interface an address, or list the destinations in nonMasqueradeCidrs'),
    check: exitFindings,
    describe: unusualExits,
  },
  {
    id: 'reverse-path',
    title: 'reverse-path filters are not strict where answers may come in by another uplink',
    remedy: byHand('sysctl net.ipv4.conf.NAME.rp_filter=2, or one uplink'),
    check: reversePathFindings,
  },
  {
    id: 'tunnel-address',
    title: 'what leaves by the tunnel has an address that other nodes take it from',
    remedy: byHand("correct --node-ip of this node's kubelet, or give the node that address"),
    check: tunnelAddressFindings,
  },
  {
    id: 'tunnel-port',
    title: 'no other VXLAN device has the port of our tunnels',
    remedy: byHand('set vxlan.port on every node, or delete the other device'),
    check: tunnelPortFindings,
  },
  {
    id: 'other-networks',
    title: 'no other pod network is on the node',
    remedy: byHand('remove it and what it left: interfaces, rules, routes'),
    check: otherNetworkFindings,
  },
  {
    id: 'other-programs',
    title: 'no program or filter of others sees pods’ packets before ours',
    remedy: byHand(
      'bpftool net show; bpftool prog show id N; tc filter show dev DEVICE ingress (or egress)',
    ),
    check: programFindings,
  },
  {
    id: 'ipsec',
    title: 'no policy of IPsec is passed by',
    remedy: byHand(
      'mode vxlan, which leaves tunnelled packets to the kernel where there are policies',
    ),
    check: ipsecFindings,
  },
  {
    id: 'mtu',
    title: 'pods send no more at once than the way off the node carries',
    remedy: byHand('make the pods again'),
    check: mtuFindings,
  },
  {
    id: 'connection-table',
    title: 'the table of tracked connections has room',
    remedy: byHand('sysctl net.netfilter.nf_conntrack_max, or find who opens so many'),
    check: conntrackFindings,
  },
  {
    id: 'neighbour-table',
    title: 'the table of neighbours has room',
    remedy: byHand('sysctl net.ipv4.neigh.default.gc_thresh1, 2 and 3; net.ipv6.neigh as well'),
    check: neighbourFindings,
  },
  {
    id: 'next-hops',
    title: 'the kernel resolves the MAC addresses of other nodes and routers by itself',
    remedy: byHand('ip neigh delete ADDRESS dev NAME, unless it is meant'),
    check: nextHopFindings,
  },
  {
    id: 'fragment-memory',
    title: 'fragments find room until the rest of their packet comes',
    remedy: byHand(
      'find who sends fragments without their rest (`heddle flows`), or raise net.ipv4.ipfrag_high_thresh',
    ),
    check: fragmentFindings,
  },
  {
    id: 'connection-inserts',
    title: 'new connections find a port to leave by',
    remedy: byHand(
      'find who opens so many (conntrack -L --reply-dst ADDRESS), or give the destination more addresses or ports',
    ),
    check: insertFindings,
  },
];

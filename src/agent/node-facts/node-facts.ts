// The list of conditions on this node's kernel for packets of pods to arrive correctly. `heddle status`, the metric
// heddle_node_fact and docs/troubleshooting.md have one entry for each.

import { exitFindings, unusualExits } from './checks/exit-checks.ts';
import type { NodeFact } from './checks/fact.ts';
import { forwardFindings, localFindings, trackingFindings } from './checks/hook-checks.ts';
import {
  forwardingFindings,
  ipsecFindings,
  ipv6Findings,
  mtuFindings,
  otherNetworkFindings,
  reversePathFindings,
  routerFindings,
  tunnelPortFindings,
} from './checks/interface-checks.ts';
import { legacyFindings, legacyInUse } from './checks/legacy-checks.ts';
import { linkFindings } from './checks/link-checks.ts';
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
    title: 'the kernel forwards packets at every interface that packets of pods arrive on',
    remedy: bySysctls,
    check: forwardingFindings,
  },
  {
    id: 'ipv6-enabled',
    title: 'IPv6 is enabled on uplinks and on interfaces of pods with IPv6 addresses',
    remedy: bySysctls,
    check: ipv6Findings,
  },
  {
    id: 'router-advertisements',
    title: 'interfaces that accept router advertisements still accept them',
    remedy: bySysctls,
    check: routerFindings,
  },
  {
    id: 'links',
    title: 'uplinks and interfaces of pods are up, use ARP and are not part of a bridge or VRF',
    remedy: byHand(
      'bring the interface up, ip link set dev NAME arp on, or remove it from the bridge or VRF',
    ),
    check: linkFindings,
  },
  {
    id: 'pod-interfaces',
    title: "the MTU of each pod's host interface is as large as the pod's own",
    remedy: byHand('ip link set dev NAME mtu N, with the MTU of the pod'),
    check: podMtuFindings,
  },
  {
    id: 'queues',
    title: 'no queue of other software holds or drops packets to pods or into the tunnel',
    remedy: byHand('tc qdisc show dev NAME; tc qdisc delete dev NAME root'),
    check: queueFindings,
  },
  {
    id: 'forward-hooks',
    title: 'no firewall rule of other software drops packets of pods',
    remedy: byHand('accept the pod ranges in the chain named, with the tool that owns it'),
    check: forwardFindings,
  },
  {
    id: 'local-hooks',
    title:
      "no firewall rule of other software drops tunnel packets or the node's own connections to pods",
    remedy: byHand('accept the port or the pod ranges in the chain named'),
    check: localFindings,
  },
  {
    id: 'iptables-legacy',
    title: 'all firewall rules can be read',
    remedy: byHand('list them with iptables-legacy-save; iptables-nft-restore accepts its output'),
    check: legacyFindings,
    describe: legacyInUse,
  },
  {
    id: 'connection-tracking',
    title: 'packets of pods are tracked, so they can be translated',
    remedy: byHand('exclude the pod ranges from the rule named'),
    check: trackingFindings,
  },
  {
    id: 'translation',
    title: 'no rule of other software translates packets of pods',
    remedy: byHand(
      'exclude the pod ranges from the rule named, unless the translation is intended',
    ),
    check: translationFindings,
  },
  {
    id: 'routes',
    title: 'pod ranges contain only pods: no other route or address is in them',
    remedy: byHand('delete the route or the address, or give the cluster a different pod range'),
    check: routeFindings,
  },
  {
    id: 'routing-rules',
    title: 'routing rules look up the main table first for packets to pods',
    remedy: byHand(
      'ip rule add to RANGE lookup main priority N, with N lower than the priority of the rule named',
    ),
    check: ruleFindings,
  },
  {
    id: 'exit-address',
    title: 'every interface out of the cluster has a source address for packets of pods',
    remedy: byHand('give the interface an address, or list the destinations in nonMasqueradeCidrs'),
    check: exitFindings,
    describe: unusualExits,
  },
  {
    id: 'reverse-path',
    title: 'reverse-path filters are not strict where replies may arrive on another uplink',
    remedy: byHand('sysctl net.ipv4.conf.NAME.rp_filter=2, or one uplink'),
    check: reversePathFindings,
  },
  {
    id: 'tunnel-address',
    title: 'tunnel packets leave with a source address that other nodes accept',
    remedy: byHand("correct --node-ip of this node's kubelet, or give the node that address"),
    check: tunnelAddressFindings,
  },
  {
    id: 'tunnel-port',
    title: "no other VXLAN device uses the port of heddle's tunnels",
    remedy: byHand('set vxlan.port on every node, or delete the other device'),
    check: tunnelPortFindings,
  },
  {
    id: 'other-networks',
    title: 'no other pod network is on the node',
    remedy: byHand('remove it with its interfaces, rules and routes'),
    check: otherNetworkFindings,
  },
  {
    id: 'other-programs',
    title: 'no BPF program or tc filter of other software handles packets of pods',
    remedy: byHand(
      'bpftool net show; bpftool prog show id N; tc filter show dev DEVICE ingress (or egress)',
    ),
    check: programFindings,
  },
  {
    id: 'ipsec',
    title: 'no IPsec policy is bypassed',
    remedy: byHand(
      'use mode vxlan: it passes tunnel packets through the kernel on nodes with policies',
    ),
    check: ipsecFindings,
  },
  {
    id: 'mtu',
    title: 'the MTU of pods fits the path off the node',
    remedy: byHand('recreate the pods'),
    check: mtuFindings,
  },
  {
    id: 'connection-table',
    title: 'the connection tracking table has room',
    remedy: byHand(
      'raise sysctl net.netfilter.nf_conntrack_max, or find what opens so many connections',
    ),
    check: conntrackFindings,
  },
  {
    id: 'neighbour-table',
    title: 'the neighbour table has room',
    remedy: byHand(
      'raise sysctl net.ipv4.neigh.default.gc_thresh1, 2 and 3, and the same of net.ipv6.neigh',
    ),
    check: neighbourFindings,
  },
  {
    id: 'next-hops',
    title: 'the kernel resolves the MAC addresses of other nodes and routers by itself',
    remedy: byHand('ip neigh delete ADDRESS dev NAME, unless the entry is intended'),
    check: nextHopFindings,
  },
  {
    id: 'fragment-memory',
    title: 'IPv4 fragments have room until the rest of their packet arrives',
    remedy: byHand(
      'find what sends incomplete fragments (`heddle flows`), or raise net.ipv4.ipfrag_high_thresh',
    ),
    check: fragmentFindings,
  },
  {
    id: 'connection-inserts',
    title: 'new connections get a free source port',
    remedy: byHand(
      'find what opens so many connections (conntrack -L --reply-dst ADDRESS), or give the destination more addresses or ports',
    ),
    check: insertFindings,
  },
];

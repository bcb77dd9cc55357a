// All that the facts are checked over: what was read of the node's kernel, and what this node's network should be.

import type { Neighbour } from '../../../kernel/netlink/neighbour.ts';
import type { RouteRecord } from '../../../kernel/netlink/route-record.ts';
import type { ListedRule } from '../../../kernel/netlink/rule.ts';
import type { SysctlName } from '../../../kernel/sysctl.ts';
import type { DesiredState } from '../../../model/desired.ts';
import type { Address } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import type { HostListing } from '../../host/facts.ts';
import type { RuleSet } from '../rules/rule-set.ts';

export interface ObservedNode {
  readonly kernel: ObservedKernel;
  readonly desired: DesiredState;
  /** By which the cluster knows this node. */
  readonly nodeAddresses: readonly Address[];
}

export interface ObservedKernel {
  readonly host: HostListing;
  /** Those of `observedSettings` that the kernel has. */
  readonly settings: ReadonlyMap<SysctlName, string>;
  readonly ruleSets: readonly RuleSet[];
  /** Of which rules that could be read are among `ruleSets`. */
  readonly legacyTables: LegacyTables;
  readonly policyRules: readonly ListedRule[];
  /** Routes of tables other than main and local; read only where a rule asks such a table. */
  readonly policyRoutes: readonly RouteRecord[];
  /** Of type and table local, without those that the kernel makes for the node's addresses. */
  readonly localRoutes: readonly RouteRecord[];
  /** At uplinks, set for good by another process. */
  readonly foreignNeighbours: readonly Neighbour[];
  /** By tcx and as filters of tc: at uplinks, at the VXLAN device, at pods' interfaces and in the blocks that these share. */
  readonly foreignPrograms: readonly ForeignProgram[];
  /** At the cgroups that hold every pod, for people. */
  readonly cgroupPrograms: readonly string[];
  /** Neighbours that found no place since the last look; the kernel counts them for all namespaces together. */
  readonly neighbourOverflows: number;
  /** Bytes of fragments of IPv4 that wait for the rest of their packets. */
  readonly fragmentBytes: number;
  /** New connections in the last minutes whose first packet was dropped since their tracked form was another's already. */
  readonly failedInserts: number;
}

/** Tables of iptables-legacy that are in use, but for `nat`. */
export interface LegacyTables {
  /** By names such as `ip filter`. */
  readonly read: readonly { readonly name: string; readonly rules: number }[];
  readonly unread: readonly string[];
  /** Why those of `unread` could not be read. */
  readonly trouble: string | undefined;
}

export interface ForeignProgram {
  /** Absent: every pod's interface, by the block that they share. */
  readonly ifIndex?: IfIndex;
  readonly hook: `${'tcx' | 'tc'} ${'ingress' | 'egress'}`;
  /** `program 5`, `filter flower`. */
  readonly what: string;
}

export const observedSettings: readonly SysctlName[] = [
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding',
  'net/ipv6/conf/all/disable_ipv6',
  'net/ipv4/conf/all/rp_filter',
  'net/ipv4/ipfrag_high_thresh',
  'net/netfilter/nf_conntrack_count',
  'net/netfilter/nf_conntrack_max',
];

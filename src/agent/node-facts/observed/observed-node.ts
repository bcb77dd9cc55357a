// The input of all checks: state read from the node's kernel, and the desired state of its network.

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
  /** Addresses by which the cluster knows this node. */
  readonly nodeAddresses: readonly Address[];
}

export interface ObservedKernel {
  readonly host: HostListing;
  /** Those of `observedSettings` that the kernel has. */
  readonly settings: ReadonlyMap<SysctlName, string>;
  readonly ruleSets: readonly RuleSet[];
  /** Readable rules of these tables are among `ruleSets`. */
  readonly legacyTables: LegacyTables;
  readonly policyRules: readonly ListedRule[];
  /** Routes of tables other than main and local, read only if a rule looks up such a table. */
  readonly policyRoutes: readonly RouteRecord[];
  /** Whether there are no more routing rules, and no more routes in their tables. */
  readonly isPolicyWhole: boolean;
  /** Routes of type and table local, without those that the kernel creates for the node's addresses. */
  readonly localRoutes: readonly RouteRecord[];
  readonly areLocalRoutesWhole: boolean;
  /** Permanent entries at uplinks, set by another process. */
  readonly foreignNeighbours: readonly Neighbour[];
  /**
   * tcx programs and tc filters at uplinks, at the VXLAN device, at pods' interfaces and in the blocks that these
   * share.
   */
  readonly foreignPrograms: readonly ForeignProgram[];
  /** Programs at the cgroups that contain every pod, as text for users. */
  readonly cgroupPrograms: readonly string[];
  /**
   * Neighbours that did not fit into the table since the last check; the kernel counts them for all namespaces
   * together.
   */
  readonly neighbourOverflows: number;
  /** Bytes of IPv4 fragments that wait for the rest of their packets. */
  readonly fragmentBytes: number;
  /**
   * New connections in the last minutes whose first packet was dropped because their translated form was already in
   * use.
   */
  readonly failedInserts: number;
}

/** Tables of iptables-legacy in use, except `nat`. */
export interface LegacyTables {
  /** By names such as `ip filter`. */
  readonly read: readonly { readonly name: string; readonly rules: number }[];
  readonly unread: readonly string[];
  /** Why the tables in `unread` could not be read. */
  readonly trouble: string | undefined;
}

export interface ForeignProgram {
  /** Absent: every pod's interface, through their shared block. */
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

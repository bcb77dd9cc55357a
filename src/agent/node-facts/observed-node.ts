// All that the facts are checked over: what was read of the node's kernel, and what this node's network should be.

import type { Route } from '../../kernel/netlink/route-record.ts';
import type { ListedRule } from '../../kernel/netlink/rule.ts';
import type { SysctlName } from '../../kernel/sysctl.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { Address } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { HostListing } from '../host-facts.ts';
import type { RuleSet } from './rule-set.ts';

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
  /** Tables of iptables-legacy that are in use, such as `filter`; their rules are not read. */
  readonly legacyTables: readonly string[];
  readonly policyRules: readonly ListedRule[];
  /** Routes of tables other than main and local; read only where a rule asks such a table. */
  readonly policyRoutes: readonly Route[];
  /** Programs at uplinks before ours. */
  readonly foreignPrograms: readonly ForeignProgram[];
  /** Neighbours that found no place since the last look; the kernel counts them for all namespaces together. */
  readonly neighbourOverflows: number;
}

export interface ForeignProgram {
  readonly ifIndex: IfIndex;
  readonly hook: 'tcx ingress' | 'tcx egress';
  readonly programId: number;
}

export const observedSettings: readonly SysctlName[] = [
  'net/ipv4/ip_forward',
  'net/ipv6/conf/all/forwarding',
  'net/ipv6/conf/all/disable_ipv6',
  'net/ipv4/conf/all/rp_filter',
  'net/netfilter/nf_conntrack_count',
  'net/netfilter/nf_conntrack_max',
];

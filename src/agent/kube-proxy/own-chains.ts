// Which chains and tables are kube-proxy's, by their names (kubernetes/pkg/proxy, versions 1.20 to 1.35). Pure.

import type { NftTableName } from '../../kernel/netfilter/nft-sets.ts';

/** Of its mode nftables. */
export const ownNftTables: readonly NftTableName[] = [
  { family: 'ip', table: 'kube-proxy' },
  { family: 'ip6', table: 'kube-proxy' },
];

/** Tables in which its modes iptables and ipvs have chains. */
export const tablesOfChains = ['nat', 'filter', 'mangle'] as const;

/** Chains that are there as long as it, or what it left, translates. */
export const signsOfChains = [
  { table: 'nat', chain: 'KUBE-SERVICES' },
  { table: 'filter', chain: 'KUBE-FORWARD' },
] as const;

/** The interface to which its mode ipvs gives the addresses of Services. */
export const ipvsInterface = 'kube-ipvs0';

// Not among them, since the kubelet makes them too: KUBE-FIREWALL, KUBE-MARK-MASQ, KUBE-MARK-DROP, KUBE-KUBELET-CANARY,
// KUBE-IPTABLES-HINT. KUBE-POSTROUTING has been kube-proxy's alone since 1.28; an older kubelet makes it again.
const fixedNames: ReadonlySet<string> = new Set([
  'KUBE-SERVICES',
  'KUBE-EXTERNAL-SERVICES',
  'KUBE-NODEPORTS',
  'KUBE-POSTROUTING',
  'KUBE-FORWARD',
  'KUBE-PROXY-FIREWALL',
  'KUBE-PROXY-CANARY',
  // Mode ipvs.
  'KUBE-NODE-PORT',
  'KUBE-LOAD-BALANCER',
  'KUBE-SOURCE-RANGES-FIREWALL',
  'KUBE-IPVS-FILTER',
  'KUBE-IPVS-OUT-FILTER',
]);

// One chain per Service or endpoint: a word and the beginning of a hash in base 32.
const numbered = /^KUBE-(SVC|SVL|SEP|FW|XLB|EXT)-[A-Z2-7]{16}$/;

export function isOwnChain(name: string): boolean {
  return fixedNames.has(name) || numbered.test(name);
}

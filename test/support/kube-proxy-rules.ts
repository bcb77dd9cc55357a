// Rules as kube-proxy 1.35 writes them for one Service with a node port, with those of a kubelet and of another program
// beside them; and what is there afterwards.

import { execFileSync } from 'node:child_process';
import type { NetworkNamespace } from '../../src/kernel/namespace.ts';
import { placeOf, runIn } from './namespaces.ts';

export const variants = ['nft', 'legacy'] as const;
export type Variant = (typeof variants)[number];

/** For `iptables-restore` of either family. */
export const iptablesRules = `*mangle
:KUBE-IPTABLES-HINT - [0:0]
:KUBE-KUBELET-CANARY - [0:0]
:KUBE-PROXY-CANARY - [0:0]
COMMIT
*filter
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-PROXY-CANARY - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
:KUBE-SERVICES - [0:0]
:OTHERS - [0:0]
-A INPUT -j KUBE-FIREWALL
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
-A INPUT -m comment --comment "of another -j KUBE-SERVICES" -j OTHERS
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -j KUBE-FIREWALL
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A OTHERS -p tcp --dport 9 -j DROP
COMMIT
*nat
:KUBE-EXT-67NZLRHBNDSAWJRO - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-PROXY-CANARY - [0:0]
:KUBE-SEP-XVBVTWV4QTLHDQWP - [0:0]
:KUBE-SERVICES - [0:0]
:KUBE-SVC-67NZLRHBNDSAWJRO - [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-EXT-67NZLRHBNDSAWJRO -j KUBE-SVC-67NZLRHBNDSAWJRO
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-EXT-67NZLRHBNDSAWJRO
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-SEP-XVBVTWV4QTLHDQWP -j KUBE-MARK-MASQ
-A KUBE-SERVICES -p tcp -m tcp --dport 80 -j KUBE-SVC-67NZLRHBNDSAWJRO
-A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-67NZLRHBNDSAWJRO -j KUBE-SEP-XVBVTWV4QTLHDQWP
COMMIT
`;

/** What mode nftables writes, shortened. */
export const nftablesRules = `table ip kube-proxy {
  map service-ips {
    type ipv4_addr . inet_proto . inet_service : verdict
    elements = { 10.96.0.10 . tcp . 80 : goto service-KHN6ECMT-shop/web/tcp/http }
  }
  chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }
  chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
  chain service-KHN6ECMT-shop/web/tcp/http { meta l4proto tcp dnat to 10.201.1.5:8080; }
}
table ip6 kube-proxy {
  chain nat-prerouting { type nat hook prerouting priority dstnat; }
}
`;

/** Of both families. */
export function restoreRules(namespace: NetworkNamespace, variant: Variant, text: string): void {
  for (const program of ['iptables', 'ip6tables']) {
    const restore = [`${program}-${variant}-restore`, '--noflush'];
    execFileSync('nsenter', [`--net=${placeOf(namespace).namespacePath}`, ...restore], {
      input: text,
    });
  }
}

/** Every rule of the namespace as `iptables-save` and `nft` show it, without counters, times and Heddle's tables. */
export function allRules(namespace: NetworkNamespace): string {
  const saved = variants.flatMap((variant) =>
    ['iptables', 'ip6tables'].map((program) => runIn(namespace, `${program}-${variant}-save`)),
  );
  const tables = runIn(namespace, 'nft', 'list', 'tables')
    .split('\n')
    .filter((line) => line !== '' && !line.includes('heddle'));
  const text = saved.join('').replace(/^#.*\n|\[\d+:\d+\]/gm, '');
  return [...sections(text), ...tables].sort().join('\n');
}

// A table without chains of anyone and without rules is the same as none.
function sections(text: string): readonly string[] {
  return [...text.matchAll(/^\*(\w+)\n([\s\S]*?)^COMMIT\n/gm)].flatMap(([, table, body = '']) => {
    const lines = body.split('\n').filter((line) => /^(:\S+ -|-A)/.test(line));
    return lines.map((line) => `${table} ${line}`);
  });
}

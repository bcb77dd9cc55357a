// Rules of common software: a rule that cannot be evaluated is limited by the parts that can, and is not reported.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { factOf } from '../../../../test/support/fact-rows.ts';
import { readLegacyTables } from '../../../../test/support/legacy-tables.ts';
import { changed, kernel } from '../../../../test/support/sound-node.ts';
import { parseAddress } from '../../../net/address.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import { parsePrefix } from '../../../net/prefix.ts';
import { type RuleSet, readRuleSet } from './rule-set.ts';

const kubeProxy = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FIREWALL - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
:KUBE-SERVICES - [0:0]
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS
-A INPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A INPUT -j KUBE-FIREWALL
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A FORWARD -m conntrack --ctstate NEW -m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES
-A OUTPUT -m conntrack --ctstate NEW -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -j KUBE-FIREWALL
-A KUBE-EXTERNAL-SERVICES -p tcp -m comment --comment "shop/cart has no endpoints" -m addrtype --dst-type LOCAL -m tcp --dport 30080 -j REJECT --reject-with icmp-port-unreachable
-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m comment --comment "block incoming localnet connections" -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
-A KUBE-FORWARD -m conntrack --ctstate INVALID -m nfacct --nfacct-name ct_state_invalid_dropped_pkts -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x4000/0x4000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-PROXY-FIREWALL -d 203.0.113.80/32 -p tcp -m comment --comment "shop/web traffic not accepted" -m tcp --dport 80 -j DROP
-A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment "shop/cart has no endpoints" -m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable
COMMIT
`;

// Rules of Docker 28, without its policy.
const docker = `*filter
:FORWARD ACCEPT [0:0]
:DOCKER - [0:0]
:DOCKER-BRIDGE - [0:0]
:DOCKER-CT - [0:0]
:DOCKER-FORWARD - [0:0]
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -j DOCKER-FORWARD
-A DOCKER -d 172.17.0.2/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT
-A DOCKER ! -i docker0 -o docker0 -j DROP
-A DOCKER-BRIDGE -o docker0 -j DOCKER
-A DOCKER-CT -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A DOCKER-FORWARD -j DOCKER-CT
-A DOCKER-FORWARD -j DOCKER-BRIDGE
-A DOCKER-FORWARD -i docker0 -m set --match-set docker-ext-bridges-v4 dst -j DROP
-A DOCKER-FORWARD -i docker0 -j ACCEPT
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
COMMIT
`;

// Without the policies of ufw, which drop: they are a problem of their own.
const ufw = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:ufw-before-input - [0:0]
:ufw-before-forward - [0:0]
:ufw-logging-deny - [0:0]
:ufw-not-local - [0:0]
:ufw-user-forward - [0:0]
:ufw-user-input - [0:0]
:ufw-user-limit - [0:0]
-A INPUT -j ufw-before-input
-A FORWARD -j ufw-before-forward
-A ufw-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 3 -j ACCEPT
-A ufw-before-forward -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A ufw-before-forward -j ufw-user-forward
-A ufw-before-input -i lo -j ACCEPT
-A ufw-before-input -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw-before-input -m conntrack --ctstate INVALID -j ufw-logging-deny
-A ufw-before-input -m conntrack --ctstate INVALID -j DROP
-A ufw-before-input -p udp -m udp --sport 67 --dport 68 -j ACCEPT
-A ufw-before-input -j ufw-not-local
-A ufw-before-input -j ufw-user-input
-A ufw-logging-deny -m conntrack --ctstate INVALID -m limit --limit 3/min --limit-burst 10 -j RETURN
-A ufw-logging-deny -m limit --limit 3/min --limit-burst 10 -j LOG --log-prefix "[UFW BLOCK] "
-A ufw-not-local -m addrtype --dst-type LOCAL -j RETURN
-A ufw-not-local -m addrtype --dst-type MULTICAST -j RETURN
-A ufw-not-local -m addrtype --dst-type BROADCAST -j RETURN
-A ufw-not-local -m limit --limit 3/min --limit-burst 10 -j ufw-logging-deny
-A ufw-not-local -j DROP
-A ufw-user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --set --name DEFAULT --mask 255.255.255.255 --rsource
-A ufw-user-input -p tcp -m tcp --dport 22 -m conntrack --ctstate NEW -m recent --update --seconds 30 --hitcount 6 --name DEFAULT --mask 255.255.255.255 --rsource -j ufw-user-limit
-A ufw-user-limit -m limit --limit 3/min -j LOG --log-prefix "[UFW LIMIT BLOCK] "
-A ufw-user-limit -j REJECT --reject-with icmp-port-unreachable
COMMIT
`;
const ufw6 = `*filter
:FORWARD ACCEPT [0:0]
:ufw6-before-forward - [0:0]
-A FORWARD -j ufw6-before-forward
-A ufw6-before-forward -m rt --rt-type 0 -j DROP
-A ufw6-before-forward -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A ufw6-before-forward -p ipv6-icmp -m icmp6 --icmpv6-type 2 -j ACCEPT
COMMIT
`;

// Rules that Felix leaves on a node whose pods are ours.
const calico = `*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:cali-FORWARD - [0:0]
:cali-INPUT - [0:0]
:cali-cidr-block - [0:0]
:cali-from-wl-dispatch - [0:0]
:cali-wl-to-host - [0:0]
-A INPUT -m comment --comment "cali:Cz_u1IQiXIMmKD4c" -j cali-INPUT
-A FORWARD -m comment --comment "cali:wUHhoiAYhphO9Mso" -j cali-FORWARD
-A cali-FORWARD -j MARK --set-xmark 0x0/0xe0000
-A cali-FORWARD -m mark --mark 0x0/0x10000 -j MARK --set-xmark 0x0/0x10000
-A cali-FORWARD -i cali+ -j cali-from-wl-dispatch
-A cali-FORWARD -j cali-cidr-block
-A cali-INPUT -p ipencap -m comment --comment "Allow IPIP packets" -m set --match-set cali40all-hosts-net src -m addrtype --dst-type LOCAL -j ACCEPT
-A cali-INPUT -p ipencap -m comment --comment "Drop IPIP packets from non-Calico hosts" -j DROP
-A cali-INPUT -i cali+ -g cali-wl-to-host
-A cali-from-wl-dispatch -m comment --comment "Unknown interface" -j DROP
-A cali-wl-to-host -p ipencap -m set ! --match-set cali40hosts src -j DROP
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
:cali-PREROUTING - [0:0]
-A PREROUTING -j cali-PREROUTING
-A cali-PREROUTING -i cali+ -j MARK --set-xmark 0x40000/0x40000
-A cali-PREROUTING -m mark --mark 0x40000/0x40000 -m rpfilter --validmark --invert -j DROP
COMMIT
`;

// RFC3964_IPv4=yes, the default: IPv6 prefixes that contain IPv4 addresses.
const embedding = [
  { addr: '::', len: 96 },
  { addr: '::ffff:0.0.0.0', len: 96 },
  { addr: '2002::', len: 24 },
  { addr: '2002:a00::', len: 24 },
  { addr: '2002:7f00::', len: 24 },
  { addr: '2002:a9fe::', len: 32 },
  { addr: '2002:ac10::', len: 28 },
  { addr: '2002:c0a8::', len: 32 },
  { addr: '2002:e000::', len: 19 },
].map((prefix) => ({ prefix }));

// firewalld 2, without the final rejection.
function firewalld(): RuleSet {
  const names = { family: 'inet', table: 'firewalld' } as const;
  const is = (left: object, right: unknown, op = '=='): object => ({ match: { op, left, right } });
  const meta = (key: string): object => ({ meta: { key } });
  const state = { ct: { key: 'state' } };
  const reachable = { fib: { result: 'oif', flags: ['saddr', 'mark', 'iif'] } };
  const type6 = { payload: { protocol: 'icmpv6', field: 'type' } };
  const daddr6 = { payload: { protocol: 'ip6', field: 'daddr' } };
  const hooks = {
    PREROUTING: 'prerouting',
    FORWARD: 'forward',
    INPUT: 'input',
    OUTPUT: 'output',
  };
  const rules: Readonly<Record<keyof typeof hooks, readonly (readonly object[])[]>> = {
    PREROUTING: [
      [is(type6, { set: ['nd-router-advert', 'nd-neighbor-solicit'] }), { accept: null }],
      [is(meta('nfproto'), 'ipv6'), is(reachable, false), { drop: null }],
    ],
    FORWARD: [
      [is(state, ['established', 'related'], 'in'), { accept: null }],
      [is({ ct: { key: 'status' } }, 'dnat', 'in'), { accept: null }],
      [is(meta('iifname'), 'lo'), { accept: null }],
      [is(state, 'invalid', 'in'), { drop: null }],
      [is(daddr6, { set: embedding }), { reject: null }],
    ],
    INPUT: [
      [is(state, ['established', 'related'], 'in'), { accept: null }],
      [is(state, 'invalid', 'in'), { drop: null }],
    ],
    OUTPUT: [
      [is(state, ['established', 'related'], 'in'), { accept: null }],
      [is(meta('oifname'), 'lo'), { accept: null }],
      [is(daddr6, { set: embedding }), { reject: null }],
    ],
  };
  const listing = Object.entries(rules).flatMap(([name, own]) => {
    const hook = hooks[name as keyof typeof hooks];
    const base = { type: 'filter', hook, prio: 10, policy: 'accept' };
    return [
      { chain: { ...names, name, ...base } },
      ...own.map((expr, handle) => ({ rule: { ...names, chain: name, handle, expr } })),
    ];
  });
  return readRuleSet(names, listing, new Map());
}

const node = changed({
  desired: {
    overlay: {
      name: 'heddle_vxlan',
      ifIndex: 9 as IfIndex,
      port: 4789,
      vni: 1,
      underlay: 4,
      mtuBytes: 1450,
    },
    remoteRanges: [
      {
        node: 'node-2',
        prefix: parsePrefix('198.51.100.128/25'),
        path: { kind: 'overlay', tunnelEndpoint: parseAddress('192.0.2.12') },
      },
    ],
  },
});

for (const [what, ruleSets] of Object.entries({
  'kube-proxy': readLegacyTables('ip', kubeProxy),
  Docker: readLegacyTables('ip', docker),
  ufw: [...readLegacyTables('ip', ufw), ...readLegacyTables('ip6', ufw6)],
  Calico: readLegacyTables('ip', calico),
  firewalld: [firewalld()],
})) {
  test(`rules of ${what} drop no packets of pods, and none is doubtful`, () => {
    assert.ok(ruleSets.length > 0);
    for (const fact of ['forward-hooks', 'local-hooks'].map(factOf)) {
      assert.deepEqual(fact.check({ ...node, kernel: { ...kernel, ruleSets } }), []);
    }
  });
}

// Foreign rules that stop pods' packets: `heddle status` names them, and no others.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import { type Deed, deedSettings, everyFact, nft, run, settled, shown } from '../support/deeds.ts';
import { sharedLab, threePods } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const deeds: readonly Deed[] = [
  {
    what: 'Docker, which drops what it does not know',
    begin: `iptables-nft -N DOCKER-USER && iptables-nft -N DOCKER-FORWARD && iptables-nft -P FORWARD DROP &&
      iptables-nft -A FORWARD -j DOCKER-USER && iptables-nft -A FORWARD -j DOCKER-FORWARD &&
      iptables-nft -A DOCKER-FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT &&
      iptables-nft -A DOCKER-FORWARD -i docker0 -j ACCEPT`,
    end: 'nft delete table ip filter',
    fact: 'forward-hooks',
    state: 'problem',
    text: /chain FORWARD of table ip filter \(hook forward, policy drop\) drops packets of pods to outside.*iptables -I DOCKER-USER -s 10\.201\.1\.0\/24 -j ACCEPT/,
  },
  {
    what: 'a Docker configured only for the pods of this node',
    begin: `iptables-nft -N DOCKER-USER && iptables-nft -P FORWARD DROP &&
      iptables-nft -A FORWARD -j DOCKER-USER && iptables-nft -I DOCKER-USER -s 10.201.1.0/24 -j ACCEPT &&
      iptables-nft -I DOCKER-USER -d 10.201.1.0/24 -j ACCEPT`,
    end: 'nft delete table ip filter',
    fact: 'forward-hooks',
    state: 'note',
    text: /drops connections from outside to node ports of Services with backends on other nodes; .* the pod ranges of the other nodes$/,
  },
  {
    what: 'a firewall of inet that rejects at the end',
    begin: nft(`table inet firewalld {
      chain filter_FORWARD { type filter hook forward priority 10; policy accept;
        ct state { established, related } accept
        ct status dnat accept
        iifname "lo" accept
        ct state invalid drop
        iifname "virbr*" accept
        reject with icmpx admin-prohibited; } }`),
    end: 'nft delete table inet firewalld',
    fact: 'forward-hooks',
    state: 'problem',
    text: /chain filter_FORWARD of table inet firewalld \(hook forward, rule 6\) drops packets of pods to outside the cluster; .*firewall-cmd/,
  },
  {
    what: 'iptables-legacy, which drops what it does not know',
    begin: `iptables-legacy -P FORWARD DROP && iptables-legacy -A FORWARD -i docker0 -j ACCEPT`,
    // Its tables stay until the namespace goes.
    end: 'iptables-legacy -F FORWARD && iptables-legacy -P FORWARD ACCEPT',
    fact: 'forward-hooks',
    state: 'problem',
    text: /chain FORWARD of table ip filter of iptables-legacy \(hook forward, policy drop\) drops packets of pods to outside/,
  },
  {
    what: 'iptables-legacy, which forwards',
    begin: 'ip6tables-legacy -A FORWARD -i docker0 -j ACCEPT',
    end: 'ip6tables-legacy -F FORWARD',
    fact: 'iptables-legacy',
    state: 'ok',
    text: /iptables-legacy has rules \(1 in ip6 filter\); they are checked/,
  },
  {
    what: 'a chain that drops SCTP and UDP-Lite',
    begin: `iptables-nft -A FORWARD -p sctp -j DROP && iptables-nft -A FORWARD -p udplite -j DROP`,
    end: 'nft delete table ip filter',
    fact: 'forward-hooks',
    state: 'note',
    text: /chain FORWARD of table ip filter \(hook forward, rule 1\) drops SCTP between pods and outside, UDP-Lite between pods and outside; if that is not intended/,
  },
  {
    what: 'a chain that drops fragments before they are put together',
    begin:
      nft(`table inet early { chain in { type filter hook prerouting priority -450; policy accept;
      ip frag-off & 0x1fff != 0 drop; exthdr frag exists drop; } }`),
    end: 'nft delete table inet early',
    fact: 'forward-hooks',
    state: 'note',
    text: /chain in of table inet early \(hook prerouting, rule 1\) drops later fragments of packets between pods and outside/,
  },
  {
    what: 'a rule that may accept what the policy drops',
    begin: nft(`table ip6 mine {
      chain forward { type filter hook forward priority 0; policy drop; limit rate 1000/second accept; } }`),
    end: 'nft delete table ip6 mine',
    fact: 'forward-hooks',
    state: 'note',
    text: /chain forward of table ip6 mine .* may drop/,
  },
  {
    what: 'a named set of pods that are dropped',
    begin: nft(`table inet mine {
      set pods { type ipv4_addr; flags interval; elements = { 10.201.0.0/16 } }
      chain forward { type filter hook forward priority 0; policy accept; ip saddr @pods drop; } }`),
    end: 'nft delete table inet mine',
    fact: 'forward-hooks',
    state: 'problem',
    text: /chain forward of table inet mine \(hook forward, rule 1\) drops packets of pods to outside/,
  },
  {
    what: 'a rule that drops large packets',
    begin: nft(`table inet mine {
      chain forward { type filter hook forward priority 0; policy accept; meta length > 1000 drop; } }`),
    end: 'nft delete table inet mine',
    fact: 'forward-hooks',
    state: 'note',
    text: /\(hook forward, rule 1\) may drop packets of pods to outside.*by a rule that cannot be evaluated: meta length > 1000 drop;/,
  },
  {
    what: 'a device that lets nothing out',
    begin: nft(
      `table netdev edge { chain out { type filter hook egress device "eth0" priority 0; policy drop; } }`,
    ),
    end: 'nft delete table netdev edge',
    fact: 'forward-hooks',
    state: 'problem',
    text: /chain out of table netdev edge \(hook egress, policy drop\) drops packets of pods to outside/,
  },
  {
    what: 'a firewall that lets no new connection of the node out',
    begin: nft(`table inet strict { chain out { type filter hook output priority 0; policy drop;
      oifname { "lo", "eth0" } accept; ct state established accept; } }`),
    end: 'nft delete table inet strict',
    fact: 'local-hooks',
    state: 'problem',
    text: /chain out of table inet strict .* drops the node's own connections to its pods/,
  },
  {
    what: 'a device that drops what comes from outside',
    begin:
      nft(`table netdev edge { chain in { type filter hook ingress device "eth0" priority 0; policy accept;
      ip saddr != { 10.0.0.0/8, 192.168.0.0/16 } drop; } }`),
    end: 'nft delete table netdev edge',
    fact: 'forward-hooks',
    state: 'problem',
    text: /chain in of table netdev edge \(hook ingress, rule 1\) drops replies from outside to pods; .* from and to 10\.201\.1\.0\/24/,
  },
  {
    what: 'notrack for private addresses',
    begin: 'iptables-nft -t raw -A PREROUTING -s 10.0.0.0/8 -j CT --notrack',
    end: 'nft delete table ip raw',
    fact: 'connection-tracking',
    state: 'problem',
    text: /chain PREROUTING of table ip raw takes them out of connection tracking/,
  },
  {
    what: 'a rule that writes the destination of what pods send',
    begin: nft(`table ip mine { chain pre { type filter hook prerouting priority -300;
      ip saddr 10.201.0.0/16 ip daddr != 10.0.0.0/8 ip daddr set 10.200.0.77; } }`),
    end: 'nft delete table ip mine',
    fact: 'translation',
    state: 'note',
    text: /chain pre of table ip mine \(hook prerouting, rule 1\) translates \(ip daddr set 10\.200\.0\.77\): packets of pods to outside/,
  },
  {
    what: 'bits written at a device',
    begin: nft(`table netdev mine { chain in { type filter hook ingress device "eth0" priority 0;
      ether type ip @nh,144,16 set 0x0201; } }`),
    end: 'nft delete table netdev mine',
    fact: 'translation',
    state: 'note',
    text: /chain in of table netdev mine \(hook ingress, rule 1\) translates \(@nh,144,16 set\): replies from outside to pods/,
  },
  {
    what: 'a named map of destinations that has the packet',
    begin: nft(`table ip mine {
      map to { type ipv4_addr : ipv4_addr; elements = { 9.9.9.9 : 10.200.0.77 } }
      chain pre { type filter hook prerouting priority -300; ip daddr set ip daddr map @to; } }`),
    end: 'nft delete table ip mine',
    fact: 'translation',
    state: 'note',
    text: /\(hook prerouting, rule 1\) translates \(ip daddr set by a map\): packets of pods to outside/,
  },
  {
    what: 'marks by which iptables accepts what its policy drops',
    begin: `iptables-nft -P FORWARD DROP && iptables-nft -t mangle -A PREROUTING -i eth7 -j MARK --set-mark 1 &&
      iptables-nft -t mangle -A PREROUTING -j MARK --or-mark 4 && iptables-nft -A FORWARD -m mark --mark 4/4 -j ACCEPT &&
      iptables-nft -A FORWARD -i hd+ -d 203.0.113.0/24 -j DROP && ip6tables-nft -t mangle -A FORWARD -j HL --hl-set 1`,
    end: 'nft delete table ip filter; nft delete table ip mangle; nft delete table ip6 mangle',
    fact: 'translation',
    state: 'note',
    text: /^chain FORWARD of table ip6 mangle \(hook forward, rule 1\) translates \(ip6 hoplimit set 1\)/,
  },
  {
    what: 'a rule that gives pods another address to leave by',
    begin: nft(`table ip mine { chain out { type nat hook postrouting priority 50;
      ip saddr 10.201.0.0/16 ip daddr != 10.0.0.0/8 snat to 10.200.0.77; } }`),
    end: 'nft delete table ip mine',
    fact: 'translation',
    state: 'note',
    text: /chain out of table ip mine \(hook postrouting, rule 1\) translates \(snat to 10\.200\.0\.77\): packets of pods to outside the cluster/,
  },
  {
    what: 'a rule that leads pods to a proxy',
    begin: nft(`table ip mine { chain in { type nat hook prerouting priority -150;
      ip saddr 10.201.0.0/16 tcp dport 443 dnat to 10.200.0.77:3128; } }`),
    end: 'nft delete table ip mine',
    fact: 'translation',
    state: 'note',
    text: /chain in of table ip mine \(hook prerouting, rule 1\) translates \(dnat to 10\.200\.0\.77 port 3128\): packets of pods to outside the cluster/,
  },
  {
    what: 'iptables that gives all that pods send, to Services too, another address',
    begin: 'iptables-nft -t nat -A POSTROUTING -s 10.201.0.0/16 -j SNAT --to-source 10.200.0.77',
    end: 'nft delete table ip nat',
    fact: 'translation',
    state: 'note',
    text: /chain POSTROUTING of table ip nat \(hook postrouting, rule 1\) translates \(snat to 10\.200\.0\.77\): packets of pods to outside .*, packets of pods to Services with backends on other nodes/,
  },
];

const tunnelDeeds: readonly Deed[] = [
  {
    what: 'a firewall that does not know the tunnel',
    begin: nft(`table inet mine { chain input { type filter hook input priority 0; policy drop;
      ct state established,related accept; ct state invalid drop; iifname "lo" accept
      iifname "hd*" accept; meta l4proto { icmp, ipv6-icmp } accept; tcp dport { 22, 10250 } accept; } }`),
    end: 'nft delete table inet mine',
    fact: 'local-hooks',
    state: 'problem',
    text: /chain input of table inet mine \(hook input, policy drop\) drops tunnelled packets of other nodes \(UDP port 4789\)/,
  },
  {
    what: 'iptables-legacy, which does not know the tunnel',
    begin: `iptables-legacy -A INPUT -i lo -j ACCEPT && iptables-legacy -A INPUT -i hd+ -j ACCEPT &&
      iptables-legacy -A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT &&
      iptables-legacy -P INPUT DROP`,
    end: 'iptables-legacy -P INPUT ACCEPT && iptables-legacy -F INPUT',
    fact: 'local-hooks',
    state: 'problem',
    text: /chain INPUT of table ip filter of iptables-legacy \(hook input, policy drop\) drops tunnelled packets/,
  },
];

for (const mode of ['native', 'vxlan'] as const) {
  describe(`foreign rules, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: threePods, settings: deedSettings });

    if (mode === 'native') {
      for (const deed of deeds) {
        rootTest(`${deed.what}: ${deed.fact} is a ${deed.state}`, () => shown(lab(), deed));
      }
    } else {
      for (const deed of tunnelDeeds) {
        rootTest(`${deed.what}: ${deed.fact} is a ${deed.state}`, () => shown(lab(), deed));
      }
    }

    rootTest('rules of kube-proxy, and of a Docker that forwards, are not reported', async () => {
      await run(lab(), quietRules);
      await settled(lab());
      assert.deepEqual(
        (await everyFact(lab())).filter(({ state }) => state !== 'ok'),
        [],
      );
      assert.deepEqual((await lab().status('node-1')).health.reasons, []);
    });
  });
}

const quietRules = `set -e
iptables-nft -N KUBE-FORWARD; iptables-nft -N KUBE-FIREWALL; iptables-nft -N DOCKER-USER; iptables-nft -N DOCKER-FORWARD
iptables-nft -A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
iptables-nft -A FORWARD -j DOCKER-USER
iptables-nft -A FORWARD -j DOCKER-FORWARD
iptables-nft -A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
iptables-nft -A KUBE-FORWARD -m comment --comment rules -m mark --mark 0x4000/0x4000 -j ACCEPT
iptables-nft -A KUBE-FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables-nft -A INPUT -j KUBE-FIREWALL
iptables-nft -A OUTPUT -j KUBE-FIREWALL
iptables-nft -A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
iptables-nft -A DOCKER-FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables-nft -A DOCKER-FORWARD ! -i docker0 -o docker0 -j DROP
iptables-nft -A DOCKER-FORWARD -i docker0 -j ACCEPT
iptables-nft -t raw -A PREROUTING -d 172.17.0.2/32 ! -i docker0 -j DROP
iptables-nft -t nat -N KUBE-POSTROUTING
iptables-nft -t nat -A POSTROUTING -j KUBE-POSTROUTING
iptables-nft -t nat -A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
iptables-nft -t nat -A KUBE-POSTROUTING -j MASQUERADE --random-fully
iptables-nft -t nat -N KUBE-SERVICES; iptables-nft -t nat -N KUBE-SVC; iptables-nft -t nat -N KUBE-SEP; iptables-nft -t nat -N KUBE-MARK-MASQ
iptables-nft -t nat -N KUBE-NODEPORTS
iptables-nft -t nat -A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
iptables-nft -t nat -A KUBE-SERVICES -d 10.96.0.20/32 -p tcp -m comment --comment "shop/web cluster IP" -m tcp --dport 80 -j KUBE-SVC
iptables-nft -t nat -A KUBE-SERVICES -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
iptables-nft -t nat -A KUBE-NODEPORTS -d 127.0.0.0/8 -p tcp -m tcp --dport 30080 -j KUBE-MARK-MASQ
iptables-nft -t nat -A KUBE-NODEPORTS -p tcp -m tcp --dport 30080 -j KUBE-SVC
iptables-nft -t nat -A KUBE-SVC ! -s 10.201.0.0/16 -d 10.96.0.20/32 -p tcp -m tcp --dport 80 -j KUBE-MARK-MASQ
iptables-nft -t nat -A KUBE-SVC -m statistic --mode random --probability 0.5 -j KUBE-SEP
iptables-nft -t nat -A KUBE-SVC -j KUBE-SEP
iptables-nft -t nat -A KUBE-SEP -s 10.201.1.2/32 -j KUBE-MARK-MASQ
iptables-nft -t nat -A KUBE-SEP -p tcp -m tcp -j DNAT --to-destination 10.201.1.2:80
iptables-nft -t nat -A KUBE-MARK-MASQ -j MARK --or-mark 0x4000
iptables-nft -t nat -N DOCKER
iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables-nft -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables-nft -t nat -A DOCKER -i docker0 -j RETURN
iptables-nft -t nat -A DOCKER ! -i docker0 -p tcp -m tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
iptables-nft -t nat -N CNI-HOSTPORT-DNAT; iptables-nft -t nat -N CNI-DN; iptables-nft -t nat -N CNI-HOSTPORT-SETMARK
iptables-nft -t nat -N CNI-HOSTPORT-MASQ
iptables-nft -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j CNI-HOSTPORT-DNAT
iptables-nft -t nat -A POSTROUTING -m comment --comment "CNI portfwd requiring masquerade" -j CNI-HOSTPORT-MASQ
iptables-nft -t nat -A CNI-HOSTPORT-MASQ -m mark --mark 0x2000/0x2000 -j MASQUERADE
iptables-nft -t nat -A CNI-HOSTPORT-DNAT -p tcp -m multiport --destination-ports 443,8443 -j CNI-DN
iptables-nft -t nat -A CNI-DN -p tcp -m tcp --dport 443 -j DNAT --to-destination 172.17.0.3:443
ip6tables-nft -A FORWARD -m conntrack --ctstate INVALID -j DROP
nft -f - <<'END'
table ip kube-proxy {
  chain filter-forward { type filter hook forward priority -110; policy accept; ct state new jump checks; }
  chain checks { drop; }
}
END
ip link add docker0 type bridge; ip link set docker0 up; ip address add 172.17.0.1/16 dev docker0
echo 1 > /proc/sys/net/ipv4/conf/all/rp_filter
`;

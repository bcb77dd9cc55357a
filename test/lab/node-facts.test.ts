// What others do to the node's kernel that stops or misroutes pods' packets: `heddle status` names it, and nothing where
// nothing is amiss.

import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type { FactView, NodeStatus } from '../../src/agent/api-types.ts';
import { nodeFacts } from '../../src/agent/node-facts/node-facts.ts';
import { eventually, sharedLab, type TestLab, threePods } from '../support/lab.ts';
import { rootTest } from '../support/root-test.ts';

const settings = { reconcilePeriodMs: 400 };

/** Listings of others' rules rest for 200 times what the last took, which is long on a busy machine. */
const patienceMs = 40_000;

interface Deed {
  readonly what: string;
  /** Shell, in node-1. */
  readonly begin: string;
  readonly end: string;
  readonly fact: string;
  readonly state: 'note' | 'problem';
  readonly text: RegExp;
}

// Its parser wants a line's end before each closing brace.
const nft = (body: string): string =>
  `nft -f - <<'END'\n${body.replace(/ \}(?=\s*(\}|$))/g, '\n}')}\nEND`;

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
    what: 'a Docker that was told of the pods of this node alone',
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
    what: 'a rule that may accept what the policy drops',
    begin: nft(`table ip6 mine {
      set pods { type ipv6_addr; flags interval; elements = { fd00::/8 } }
      chain forward { type filter hook forward priority 0; policy drop; ip6 saddr @pods accept; ip6 daddr @pods accept; } }`),
    end: 'nft delete table ip6 mine',
    fact: 'forward-hooks',
    state: 'note',
    text: /chain forward of table ip6 mine .* may drop/,
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
    text: /chain in of table netdev edge \(hook ingress, rule 1\) drops answers from outside to pods; .* from and to 10\.201\.1\.0\/24/,
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
    what: 'a route of a VPN inside the range of another node',
    begin: 'ip route add 10.201.2.64/26 via 10.200.0.1',
    end: 'ip route delete 10.201.2.64/26',
    fact: 'routes',
    state: 'problem',
    text: /route 10\.201\.2\.64\/26 via 10\.200\.0\.1 dev eth0 takes it from pod range 10\.201\.2\.0\/24/,
  },
  {
    what: 'a route of the node to a part of its own range',
    begin: 'ip route add blackhole 10.201.1.192/26',
    end: 'ip route delete blackhole 10.201.1.192/26',
    fact: 'routes',
    state: 'problem',
    text: /route blackhole 10\.201\.1\.192\/26 takes it from pod range 10\.201\.1\.0\/24/,
  },
  {
    what: 'a rule that asks another table first',
    begin: `ip route add default via 10.200.0.1 table 51820 &&
      ip rule add not fwmark 0xca6c table 51820 priority 100`,
    end: 'ip rule delete priority 100 && ip route flush table 51820',
    fact: 'routing-rules',
    state: 'problem',
    text: /IPv4 packets to pod ranges 10\.201\.\d\.0\/24.* are caught by rule 100 \(table 51820: 0\.0\.0\.0\/0\)/,
  },
  {
    what: "a rule for what comes from the node's own address",
    begin: `ip route add default via 10.200.0.1 table 10001 &&
      ip rule add from 10.200.0.11 table 10001 priority 100`,
    end: 'ip rule delete priority 100 && ip route flush table 10001',
    fact: 'routing-rules',
    state: 'problem',
    text: /IPv4 packets of this node itself to pod ranges 10\.201\.\d\.0\/24.* are caught by rule 100/,
  },
  {
    what: 'a pod interface that is a port of a bridge',
    begin: `ip link add br0 type bridge && ip link set br0 up &&
      ip link set $(ip -o route show proto 72 | grep -om1 "hd[0-9a-f]*") master br0`,
    end: 'ip link delete br0',
    fact: 'links',
    state: 'problem',
    text: /interface hd[0-9a-f]+ of a pod belongs to bridge br0/,
  },
  {
    what: 'interfaces of another pod network',
    begin: 'ip link add cni0 type bridge',
    end: 'ip link delete cni0',
    fact: 'other-networks',
    state: 'note',
    text: /interfaces of the bridge plugin or flannel are there \(cni0\)/,
  },
];

/** Its tables stay until the namespace goes. */
const legacy: Deed = {
  what: 'iptables-legacy',
  begin: 'iptables-legacy -P FORWARD ACCEPT',
  end: 'true',
  fact: 'iptables-legacy',
  state: 'note',
  text: /iptables-legacy is in use \(filter\)/,
};

for (const mode of ['native', 'vxlan'] as const) {
  describe(`facts about the node, ${mode}`, () => {
    const lab = sharedLab({ mode, manifests: threePods, settings });

    rootTest('a node that nobody touched has nothing to say', async () => {
      const facts = await everyFact(lab());
      assert.deepEqual(
        facts,
        nodeFacts.map(({ id }) => ({ id, state: 'ok' })),
      );
    });

    if (mode === 'native') {
      for (const deed of deeds) {
        rootTest(`${deed.what}: ${deed.fact} is a ${deed.state}`, () => shown(lab(), deed));
      }
    } else {
      rootTest('a firewall that does not know the tunnel', () =>
        shown(lab(), {
          what: 'a firewall that does not know the tunnel',
          begin:
            nft(`table inet mine { chain input { type filter hook input priority 0; policy drop;
            ct state established,related accept; ct state invalid drop; iifname "lo" accept
            iifname "hd*" accept; meta l4proto { icmp, ipv6-icmp } accept; tcp dport { 22, 10250 } accept; } }`),
          end: 'nft delete table inet mine',
          fact: 'local-hooks',
          state: 'problem',
          text: /chain input of table inet mine \(hook input, policy drop\) drops tunnelled packets of other nodes \(UDP port 4789\)/,
        }),
      );
    }

    rootTest('rules of kube-proxy, and of a Docker that forwards, are no news', async () => {
      await run(lab(), quietRules);
      await settled(lab());
      assert.deepEqual(
        (await everyFact(lab())).filter(({ state }) => state !== 'ok'),
        [],
      );
      assert.deepEqual((await lab().status('node-1')).health.reasons, []);
    });

    rootTest(`iptables-legacy: a ${legacy.state}`, () => shown(lab(), legacy));
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

async function shown(lab: TestLab, { begin, end, fact, state, text }: Deed): Promise<void> {
  await run(lab, begin);
  try {
    const view = await eventually(
      `${fact} is a ${state}`,
      async () => {
        const found = (await everyFact(lab)).find(({ id }) => id === fact);
        return found?.state === state ? found : undefined;
      },
      patienceMs,
    );
    assert.match(view.text ?? '', text);
    const screen = await lab.heddle('node-1', ['status']);
    assert.ok(screen.stdout.includes(view.text ?? '-'), screen.stdout);
    const others = (await everyFact(lab)).filter(
      ({ id, state: other }) => id !== fact && other === 'problem',
    );
    assert.deepEqual(others, [], 'nothing else is blamed');
    assert.equal(screen.exitCode, state === 'problem' ? 1 : 0, screen.stdout);
  } finally {
    await run(lab, end);
  }
  if (fact === legacy.fact) return;
  await eventually(
    `${fact} holds again`,
    async () => {
      const found = (await everyFact(lab)).find(({ id }) => id === fact);
      return found?.state === 'ok' ? true : undefined;
    },
    patienceMs,
  );
  await eventually(
    'healthy',
    async () => ((await lab.status('node-1')).health.state === 'healthy' ? true : undefined),
    patienceMs,
  );
}

async function everyFact(lab: TestLab): Promise<readonly FactView[]> {
  const { facts }: NodeStatus = await lab.status('node-1');
  return facts;
}

/** Two looks later. */
async function settled(lab: TestLab): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 3 * settings.reconcilePeriodMs));
  await lab.status('node-1');
}

async function run(lab: TestLab, script: string): Promise<void> {
  const { exitCode, stderr } = await lab.inNode('node-1', ['bash', '-c', script]);
  assert.equal(exitCode, 0, `${script}\n${stderr}`);
}

import { testFacts } from '../../../../test/support/fact-rows.ts';
import { readLegacyTables } from '../../../../test/support/legacy-tables.ts';
import { type ObservedChange, sound } from '../../../../test/support/sound-node.ts';
import type { RemoteRange } from '../../../model/desired.ts';
import { passedOver, readRuleSet } from '../rules/rule-set.ts';

/** A FORWARD chain that drops everything that these rules do not accept. */
function strictForward(...rules: readonly (readonly object[])[]): ObservedChange {
  const names = { family: 'ip', table: 'filter' } as const;
  const base = { type: 'filter', hook: 'forward', prio: 0, policy: 'drop' };
  const listing = [
    { chain: { ...names, name: 'FORWARD', ...base } },
    ...rules.map((expr, handle) => ({ rule: { ...names, chain: 'FORWARD', handle, expr } })),
  ];
  return { kernel: { ruleSets: [readRuleSet(names, listing, new Map())] } };
}

function acceptAt(field: 'saddr' | 'daddr', addr: string, len: number): readonly object[] {
  const left = { payload: { protocol: 'ip', field } };
  return [{ match: { op: '==', left, right: { prefix: { addr, len } } } }, { accept: null }];
}

const ownAccepted = (['saddr', 'daddr'] as const).map((field) =>
  acceptAt(field, '198.51.100.0', 25),
);
const left = { '&': [{ meta: { key: 'mark' } }, 0x4000] };
const marked = [{ match: { op: '==', left, right: 0x4000 } }, { accept: null }];

/** One rule that drops, in a chain that accepts everything else. */
function dropping(
  expressions: readonly object[],
  where: {
    readonly family?: 'ip' | 'ip6' | 'netdev';
    readonly hook?: string;
    readonly prio?: number;
    readonly dev?: string;
  } = {},
): ObservedChange {
  const { family = 'ip', hook = 'forward', prio = 0, dev } = where;
  const names = { family, table: 'mine' };
  const at = dev === undefined ? {} : { dev };
  const base = { type: 'filter', hook, prio, policy: 'accept', ...at };
  const expr = [...expressions, { drop: null }];
  const listing = [
    { chain: { ...names, name: 'c', ...base } },
    { rule: { ...names, chain: 'c', handle: 1, expr } },
  ];
  return { kernel: { ruleSets: [readRuleSet(names, listing, new Map())] } };
}

function fromVpn(path: object): ObservedChange {
  const [remote] = sound.desired.remoteRanges;
  const native = { kind: 'native', nextHop: '203.0.113.2', ifIndex: 5, ifName: 'wg0', ...path };
  return {
    ...dropping([match({ meta: { key: 'iifname' } }, 'wg0')]),
    desired: { remoteRanges: [{ ...remote, path: native } as unknown as RemoteRange] },
  };
}

const match = (left: object, right: unknown, op = '=='): object => ({ match: { op, left, right } });
const l4proto = { meta: { key: 'l4proto' } };
const offset = { '&': [{ payload: { protocol: 'ip', field: 'frag-off' } }, 0x1fff] };
const fragments = match(offset, 0, '!=');

function legacy(...lines: readonly string[]): ObservedChange {
  const text = ['*filter', ':FORWARD DROP [0:0]', ...lines, 'COMMIT', ''].join('\n');
  return { kernel: { ruleSets: readLegacyTables('ip', text) } };
}

testFacts([
  [
    'a table of too many rules to be walked',
    'forward-hooks',
    { kernel: { ruleSets: [passedOver({ family: 'ip', table: 'filter' })] } },
    /^note: table ip filter has more than 10000 rules and was not checked/,
  ],
  [
    'a FORWARD chain that drops',
    'forward-hooks',
    strictForward(),
    /^problem: chain FORWARD .* drops packets of pods to outside the cluster, replies/,
  ],
  [
    'a chain that drops what comes from a VPN between nodes, by which the stack forwards',
    'forward-hooks',
    fromVpn({ byStack: true }),
    /^problem: chain c .* drops packets of pods of other nodes to pods; another table/,
  ],
  [
    'the same where no pods are behind it that the stack forwards for',
    'forward-hooks',
    fromVpn({}),
    undefined,
  ],
  [
    'a FORWARD chain that drops all but the own range, so node ports with backends elsewhere',
    'forward-hooks',
    strictForward(...ownAccepted),
    /^note: chain FORWARD .* drops connections from outside to node ports .* ranges of the other nodes$/,
  ],
  [
    'the same, and what kube-proxy marked',
    'forward-hooks',
    strictForward(...ownAccepted, marked),
    undefined,
  ],
  [
    'a FORWARD chain that drops all but the pods of every node',
    'forward-hooks',
    strictForward(...ownAccepted, acceptAt('daddr', '198.51.100.128', 25)),
    undefined,
  ],
  [
    'a chain that drops SCTP',
    'forward-hooks',
    dropping([match(l4proto, 132)]),
    /^note: chain c of table ip mine \(hook forward, rule 1\) drops SCTP between pods and outside; if that is not intended: accept it there, for example from and to 198\.51\.100\.0\/25$/,
  ],
  [
    'a chain that drops UDP-Lite',
    'forward-hooks',
    dropping([match(l4proto, 136)]),
    /^note: .* drops UDP-Lite between pods and outside;/,
  ],
  [
    'a chain that drops all but TCP, UDP and ICMP',
    'forward-hooks',
    dropping([match(l4proto, { set: [6, 17, 1] }, '!=')]),
    /^note: .* drops SCTP between .*, UDP-Lite between .*, protocols without ports \(ESP, GRE\) between pods and outside;/,
  ],
  [
    'a chain that drops UDP',
    'forward-hooks',
    dropping([match(l4proto, 17)]),
    /^note: .* drops DNS over UDP between pods and outside;/,
  ],
  [
    'a chain that drops UDP to other ports than DNS',
    'forward-hooks',
    dropping([match({ payload: { protocol: 'udp', field: 'dport' } }, 443)]),
    undefined,
  ],
  [
    'a chain that drops ICMP errors',
    'forward-hooks',
    dropping([match({ ct: { key: 'state' } }, 'related', 'in')]),
    /^note: .* drops ICMP errors from outside to pods \(path MTU\);/,
  ],
  [
    'a chain that drops what connection tracking calls invalid, as kube-proxy’s and firewalld’s do',
    'forward-hooks',
    dropping([match({ ct: { key: 'state' } }, 'invalid', 'in')]),
    undefined,
  ],
  [
    'later fragments, dropped before connection tracking',
    'forward-hooks',
    dropping([fragments], { hook: 'prerouting', prio: -450 }),
    /^note: .* \(hook prerouting, rule 1\) drops later fragments of packets between pods and outside;/,
  ],
  [
    'later fragments, dropped where they are put together already',
    'forward-hooks',
    dropping([fragments]),
    undefined,
  ],
  [
    'later fragments of IPv6, dropped at a device',
    'forward-hooks',
    dropping([match({ exthdr: { name: 'frag' } }, true)], { family: 'netdev', hook: 'ingress' }),
    /^note: .* \(hook ingress, rule 1\) drops later fragments/,
  ],
  [
    'all that leaves by the uplink',
    'forward-hooks',
    dropping([], { family: 'netdev', hook: 'egress', dev: 'eth0' }),
    /^problem: chain c of table netdev mine \(hook egress, rule 1\) drops packets of pods to outside the cluster;/,
  ],
  [
    "all that goes to a pod's interface",
    'forward-hooks',
    dropping([], { family: 'netdev', hook: 'egress', dev: 'hd00000000002' }),
    /^problem: .* \(hook egress, rule 1\) drops replies from outside to pods;/,
  ],
  [
    'all that leaves by an interface that is not ours',
    'forward-hooks',
    dropping([], { family: 'netdev', hook: 'egress', dev: 'eth9' }),
    undefined,
  ],
  [
    'all that comes in by an interface that is not ours',
    'forward-hooks',
    dropping([], { family: 'netdev', hook: 'ingress', dev: 'eth9' }),
    undefined,
  ],
  [
    'addresses of pods, which leave translated',
    'forward-hooks',
    dropping([match({ payload: { protocol: 'ip', field: 'saddr' } }, '198.51.100.2')], {
      family: 'netdev',
      hook: 'egress',
    }),
    undefined,
  ],
  [
    'a rule that may drop pods’ packets, in a chain that accepts the rest',
    'forward-hooks',
    dropping([match({ meta: { key: 'length' } }, 1000, '>')]),
    /^note: chain c of table ip mine \(hook forward, rule 1\) may drop packets of pods to outside the cluster, .*, by a rule that cannot be evaluated: meta length > 1000 drop; accept it there/,
  ],
  [
    'a rule that may drop DNS',
    'forward-hooks',
    dropping([match(l4proto, 17), { limit: { rate: 1, per: 'second', inv: true } }]),
    /^note: .* may drop DNS over UDP between .*, by a rule that cannot be evaluated: meta l4proto 17 limit rate over 1\/second drop;/,
  ],
  [
    'a rule that may drop what others may have marked',
    'forward-hooks',
    dropping([match({ '&': [{ meta: { key: 'mark' } }, 1] }, 1)]),
    undefined,
  ],
  [
    'iptables-legacy that drops what it does not know',
    'forward-hooks',
    legacy(':DOCKER-USER - [0:0]', '-A FORWARD -j DOCKER-USER'),
    /^problem: chain FORWARD of table ip filter of iptables-legacy \(hook forward, policy drop\) drops packets of pods to outside .* Docker: iptables-legacy -I DOCKER-USER -s 198\.51\.100\.0\/25 -j ACCEPT/,
  ],
  [
    'iptables-legacy that knows the pods',
    'forward-hooks',
    legacy('-A FORWARD -s 198.51.100.0/24 -j ACCEPT', '-A FORWARD -d 198.51.100.0/24 -j ACCEPT'),
    undefined,
  ],
  [
    'iptables-legacy with a match that is not known',
    'forward-hooks',
    legacy('-A FORWARD -m set --match-set pods src,dst -j ACCEPT'),
    /^note: .* may drop packets of pods to outside/,
  ],
  [
    'iptables-legacy that keeps pods out of connection tracking',
    'connection-tracking',
    {
      kernel: {
        ruleSets: readLegacyTables(
          'ip',
          '*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -s 198.51.100.0/24 -j CT --notrack\nCOMMIT\n',
        ),
      },
    },
    /^problem: chain PREROUTING of table ip raw of iptables-legacy takes them out/,
  ],
]);

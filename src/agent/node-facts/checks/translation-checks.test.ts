import { testFacts } from '../../../../test/support/fact-rows.ts';
import type { ObservedChange } from '../../../../test/support/sound-node.ts';
import type { XtablesExpression } from '../../../kernel/netfilter/nft-xtables.ts';
import { readRuleSet } from '../rules/rule-set.ts';

interface Where {
  readonly type?: 'nat' | 'filter' | 'route';
  readonly hook?: 'ingress' | 'prerouting' | 'forward' | 'output' | 'postrouting';
  readonly prio?: number;
  readonly family?: 'ip' | 'ip6' | 'inet' | 'netdev';
  /** A rule before. */
  readonly first?: readonly object[];
}

/** One rule in a chain that translates. */
function translating(
  expr: readonly object[],
  { type = 'nat', hook = 'postrouting', prio = 50, family = 'ip', first = [] }: Where = {},
  xtables: readonly XtablesExpression[] = [],
): ObservedChange {
  const names = { family, table: 'foo' };
  const listing = [
    { chain: { ...names, name: 'p', type, hook, prio, policy: 'accept' } },
    ...(first.length === 0 ? [] : [{ rule: { ...names, chain: 'p', handle: 1, expr: first } }]),
    { rule: { ...names, chain: 'p', handle: 2, expr } },
  ];
  return { kernel: { ruleSets: [readRuleSet(names, listing, new Map([[2, xtables]]))] } };
}

const match = (left: object, right: unknown, op = '=='): object => ({ match: { op, left, right } });
const ip = (field: string): object => ({ payload: { protocol: 'ip', field } });
const prefix = (addr: string, len: number): object => ({ prefix: { addr, len } });
const ofPods = match(ip('saddr'), prefix('198.51.100.0', 24));
const toOthers = match(ip('daddr'), prefix('198.51.100.0', 24), '!=');
const set = (key: object, value: unknown): object => ({ mangle: { key, value } });
const snat = { snat: { addr: '192.0.2.77' } };
const dnat = { dnat: { addr: '192.0.2.77', port: 3128 } };
const before = { hook: 'prerouting', prio: -150 } as const;
const dns = [match({ payload: { protocol: 'udp', field: 'dport' } }, 53)];

function target(name: string, info: readonly number[]): readonly XtablesExpression[] {
  return [{ kind: 'target', name, revision: 0, info: Buffer.from(info) }];
}
const toSource = target('SNAT', [1, 0, 0, 0, 1, 0, 0, 0, 192, 0, 2, 77, 192, 0, 2, 77, 0, 0, 0, 0]);

testFacts([
  [
    'another address for what pods send outside',
    'translation',
    translating([ofPods, toOthers, snat]),
    /^note: chain p of table ip foo \(hook postrouting, rule 1\) translates \(snat to 192\.0\.2\.77\): packets of pods to outside the cluster$/,
  ],
  [
    'the same after ours',
    'translation',
    translating([ofPods, toOthers, snat], { prio: 110 }),
    undefined,
  ],
  [
    'the same where pods are not masqueraded',
    'translation',
    { ...translating([ofPods, toOthers, snat]), desired: { masquerade: undefined } },
    undefined,
  ],
  [
    'another address for what pods send to Services, after ours',
    'translation',
    translating([ofPods, { masquerade: null }], { prio: 110 }),
    /^note: .* translates \(masquerade\): packets of pods to Services with backends on other nodes, packets of pods to Services with backends on this node$/,
  ],
  [
    'a proxy for what pods send outside',
    'translation',
    translating([match(ip('daddr'), '9.9.9.9'), ofPods, dnat], before),
    /^note: .* \(hook prerouting, rule 1\) translates \(dnat to 192\.0\.2\.77 port 3128\): packets of pods to outside the cluster/,
  ],
  [
    'a resolver for what pods ask any',
    'translation',
    translating([...dns, { redirect: { port: 5353 } }], { ...before, family: 'inet' }),
    /^note: .* translates \(redirect to port 5353\): DNS over UDP between pods and outside$/,
  ],
  [
    'one of several proxies',
    'translation',
    translating(
      [{ dnat: { addr: { map: { key: { numgen: { mode: 'inc', mod: 2 } }, data: {} } } } }],
      before,
    ),
    /^note: .* translates \(dnat to one of several\): /,
  ],
  [
    'addresses of others',
    'translation',
    translating([match(ip('daddr'), '203.0.113.80'), dnat], before),
    undefined,
  ],
  [
    'a map of addresses of others',
    'translation',
    translating([{ dnat: { addr: { map: { key: ip('daddr'), data: '@services' } } } }], before),
    undefined,
  ],
  [
    'sources of others',
    'translation',
    translating([match(ip('saddr'), prefix('172.17.0.0', 16)), { masquerade: null }]),
    undefined,
  ],
  [
    'what others marked',
    'translation',
    translating([
      match({ '&': [{ meta: { key: 'mark' } }, 0x4000] }, 0x4000),
      { masquerade: null },
    ]),
    undefined,
  ],
  [
    'ports of this node',
    'translation',
    translating([match({ fib: { result: 'type', flags: ['daddr'] } }, 'local'), dnat], before),
    undefined,
  ],
  [
    'what a rule before may have let pass',
    'translation',
    translating([ofPods, snat], { first: [{ xt: null }, { accept: null }] }),
    undefined,
  ],
  [
    'a target of iptables',
    'translation',
    translating([ofPods, { xt: { type: 'target', name: 'SNAT' } }], { prio: 100 }, toSource),
    /^note: .* translates \(snat to 192\.0\.2\.77\): packets of pods to outside/,
  ],
  [
    'a target that translates nothing',
    'translation',
    translating([{ xt: { type: 'target', name: 'MARK' } }], {}, target('MARK', [])),
    undefined,
  ],
  [
    'a rule of a filter that writes another destination',
    'translation',
    translating([ofPods, set(ip('daddr'), '192.0.2.77')], { type: 'filter', ...before }),
    /^note: chain p of table ip foo \(hook prerouting, rule 1\) translates \(ip daddr set 192\.0\.2\.77\): packets of pods to outside the cluster/,
  ],
  [
    'a rule at a device that writes another source',
    'translation',
    translating([set(ip('saddr'), '192.0.2.77')], {
      ...{ type: 'filter', hook: 'ingress', family: 'netdev' },
    }),
    /^note: chain p of table netdev foo \(hook ingress, rule 1\) translates \(ip saddr set 192\.0\.2\.77\)/,
  ],
  [
    'a rule in a chain of routing that writes a port',
    'translation',
    translating([set({ payload: { protocol: 'tcp', field: 'dport' } }, 9)], {
      ...{ type: 'route', hook: 'output' },
    }),
    /^note: .* \(hook output, rule 1\) translates \(tcp dport set 9\): the node's own connections to its pods/,
  ],
  [
    'a rule in a chain that translates, by a map',
    'translation',
    translating(
      [set(ip('daddr'), { map: { key: { numgen: { mode: 'inc', mod: 2 } }, data: {} } })],
      before,
    ),
    /^note: .* translates \(ip daddr set by a map\): packets of pods to outside the cluster/,
  ],
  [
    'a rule that writes the destinations of others',
    'translation',
    translating([match(ip('saddr'), '203.0.113.80'), set(ip('daddr'), '192.0.2.77')], {
      ...{ type: 'filter', hook: 'forward' },
    }),
    undefined,
  ],
  [
    'a rule that may write another destination',
    'translation',
    translating([{ limit: { rate: 1, per: 'second' } }, set(ip('daddr'), '192.0.2.77')], {
      ...{ type: 'filter', hook: 'forward' },
    }),
    undefined,
  ],
]);

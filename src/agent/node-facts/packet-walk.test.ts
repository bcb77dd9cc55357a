import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import { walk } from './packet-walk.ts';
import type { Packet } from './rule-match.ts';
import { readRuleSet } from './rule-set.ts';

const request: Packet = {
  source: parseAddress('198.51.100.2'),
  destination: parseAddress('203.0.113.9'),
  input: 'hd00000000001',
  output: 'eth0',
  protocol: 'tcp',
  sourcePort: 40000,
  destinationPort: 443,
  state: 'new',
};
const request6: Packet = {
  ...request,
  source: parseAddress('2001:db8::2'),
  destination: parseAddress('2001:db8:9::9'),
};
const tunnel: Packet = { ...request, protocol: 'udp', destinationPort: 4789, state: 'untracked' };

type Json = Readonly<Record<string, unknown>>;
const accept: Json = { accept: null };
const drop: Json = { drop: null };
const match = (left: unknown, right: unknown, op = '=='): Json => ({ match: { op, left, right } });
const meta = (key: string): Json => ({ meta: { key } });
const ct = (key: string): Json => ({ ct: { key } });
const payload = (protocol: string, field: string): Json => ({ payload: { protocol, field } });
const saddr = payload('ip', 'saddr');
const prefix = (addr: string, len: number): Json => ({ prefix: { addr, len } });
const jump = (target: string, kind: 'jump' | 'goto' = 'jump'): Json => ({ [kind]: { target } });

interface Case {
  readonly what: string;
  readonly rules: readonly (readonly Json[])[];
  readonly chains?: Readonly<Record<string, readonly (readonly Json[])[]>>;
  readonly policy?: 'accept' | 'drop';
  readonly packet?: Packet;
  readonly expected: string;
}

const cases: readonly Case[] = [
  { what: 'an empty chain that accepts', rules: [], expected: 'passes' },
  {
    what: 'an empty chain that drops',
    rules: [],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  { what: 'a drop without a condition', rules: [[drop]], expected: 'drops by rule 1' },
  { what: 'a rejection', rules: [[{ reject: { type: 'icmpx' } }]], expected: 'drops by rule 1' },
  { what: 'an accept before a drop', rules: [[accept], [drop]], expected: 'passes' },
  {
    what: 'a counter, a log and a comment match all',
    rules: [[{ counter: {} }, { log: null }, drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'another interface',
    rules: [[match(meta('iifname'), 'docker0'), drop]],
    expected: 'passes',
  },
  {
    what: 'a wildcard of interfaces',
    rules: [[match(meta('iifname'), 'hd*'), accept]],
    policy: 'drop',
    expected: 'passes',
  },
  {
    what: 'any but one interface',
    rules: [[match(meta('oifname'), 'docker0', '!='), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a set of interfaces',
    rules: [[match(meta('oifname'), { set: ['lo', 'eth0'] }), accept]],
    policy: 'drop',
    expected: 'passes',
  },
  {
    what: 'a prefix of sources',
    rules: [[match(saddr, prefix('198.51.100.0', 24)), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a range of sources',
    rules: [[match(saddr, { range: ['198.51.100.3', '198.51.100.9'] }), drop]],
    expected: 'passes',
  },
  {
    what: 'an address in a set of prefixes and ranges',
    rules: [
      [
        match(saddr, {
          set: [prefix('192.0.2.0', 24), { range: ['198.51.100.1', '198.51.100.2'] }],
        }),
        drop,
      ],
    ],
    expected: 'drops by rule 1',
  },
  {
    what: 'IPv4 addresses do not match IPv6, whatever the operator',
    rules: [[match(saddr, '192.0.2.1', '!='), drop]],
    packet: request6,
    expected: 'passes',
  },
  {
    what: 'a family by its name',
    rules: [[match(meta('nfproto'), 'ipv6'), drop]],
    packet: request6,
    expected: 'drops by rule 1',
  },
  {
    what: 'a protocol by its number',
    rules: [[match(meta('l4proto'), 6), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'a port of another protocol',
    rules: [[match(payload('udp', 'dport'), 443), drop]],
    expected: 'passes',
  },
  {
    what: 'a port of whatever protocol',
    rules: [[match(payload('th', 'dport'), { set: [53, { range: [400, 500] }] }), drop]],
    expected: 'drops by rule 1',
  },
  {
    what: 'ports above',
    rules: [[match(payload('tcp', 'dport'), 1024, '>'), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'established only',
    rules: [[match(ct('state'), ['established', 'related'], 'in'), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'invalid packets',
    rules: [[match(ct('state'), 'invalid', 'in'), drop]],
    expected: 'passes',
  },
  {
    what: 'new connections are not those of the tunnel',
    rules: [[match(ct('state'), 'new', 'in'), match(payload('udp', 'dport'), 4789), accept]],
    policy: 'drop',
    packet: tunnel,
    expected: 'drops by policy drop',
  },
  {
    what: 'marked packets',
    rules: [[match({ '&': [meta('mark'), 16384] }, 16384), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'translated packets',
    rules: [[match(ct('status'), 'dnat', 'in'), accept]],
    policy: 'drop',
    packet: { ...request, isTranslated: true },
    expected: 'passes',
  },
  {
    what: 'a named set',
    rules: [[match(saddr, '@pods'), accept]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a named set whose packets are dropped',
    rules: [[match(saddr, '@bad'), drop]],
    expected: 'passes',
  },
  {
    what: 'a lookup of a route',
    rules: [[match({ fib: { result: 'oif' } }, false), drop]],
    expected: 'passes',
  },
  {
    what: 'a mark, of a packet that has none',
    rules: [[match({ '&': [meta('mark'), 0x4000] }, 0x4000), accept]],
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'a mark, of a packet that others may have marked',
    rules: [[match({ '&': [meta('mark'), 0x4000] }, 0x4000), accept]],
    policy: 'drop',
    packet: { ...request, mayBeMarked: true },
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a limit',
    rules: [[{ limit: { rate: 3 } }, accept]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a chain that drops',
    rules: [[jump('DENY')]],
    chains: { DENY: [[match(meta('iifname'), 'lo'), accept], [drop]] },
    expected: 'drops by rule 2 of DENY',
  },
  {
    what: 'a chain that returns',
    rules: [[jump('USER')], [accept]],
    chains: { USER: [[{ return: null }], [drop]] },
    policy: 'drop',
    expected: 'passes',
  },
  {
    what: 'a chain that is gone to does not come back',
    rules: [[jump('USER', 'goto')], [accept]],
    chains: { USER: [] },
    policy: 'drop',
    expected: 'drops by policy drop',
  },
  {
    what: 'a chain of a user who accepts, for packets that cannot be told',
    rules: [[match(saddr, '@pods'), jump('USER')]],
    chains: { USER: [[accept]] },
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  { what: 'a chain that is not there', rules: [[jump('GONE')]], expected: 'passes' },
  {
    what: 'a chain that jumps to itself',
    rules: [[jump('LOOP')]],
    chains: { LOOP: [[jump('LOOP')]] },
    expected: 'passes',
  },
  {
    what: 'a map of interfaces to verdicts',
    rules: [
      [
        {
          vmap: {
            key: meta('iifname'),
            data: {
              set: [
                ['lo', accept],
                ['hd*', jump('PODS')],
              ],
            },
          },
        },
      ],
    ],
    chains: { PODS: [[drop]] },
    expected: 'drops by rule 1 of PODS',
  },
  {
    what: 'a named map of verdicts',
    rules: [[{ vmap: { key: meta('iifname'), data: '@zones' } }]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'a queue to a program',
    rules: [[{ queue: { num: 0 } }]],
    policy: 'drop',
    expected: 'drops by policy drop, unsure',
  },
  {
    what: 'no tracking',
    rules: [[match(saddr, prefix('198.51.100.0', 24)), { notrack: null }]],
    expected: 'passes, takes them out of connection tracking',
  },
  {
    what: 'no tracking of others',
    rules: [[match(saddr, prefix('192.0.2.0', 24)), { notrack: null }]],
    expected: 'passes',
  },
  {
    what: 'a zone',
    rules: [[{ mangle: { key: ct('zone'), value: 7 } }]],
    expected: 'passes, puts them into a zone of connection tracking',
  },
];

for (const { what, rules, chains = {}, policy = 'accept', packet = request, expected } of cases) {
  test(`${what}: ${expected}`, () => {
    assert.equal(outcome({ rules, chains, policy }, packet), expected);
  });
}

test('what iptables-nft wrote is judged by what is in its extensions', () => {
  const conntrack = (state: number, isInverted = false): Buffer => {
    const info = Buffer.alloc(168);
    info.writeUInt16LE(1, 146);
    info.writeUInt16LE(isInverted ? 1 : 0, 148);
    info.writeUInt16LE(state, 150);
    return info;
  };
  const ports = Buffer.alloc(48);
  ports.set([1, 2]);
  ports.writeUInt16LE(400, 2);
  ports.writeUInt16LE(500, 4);
  ports.set([1], 32);
  const noTrack = Buffer.from([1, 0, 0, 0]);
  for (const [name, revision, info, kind, expected] of [
    ['conntrack', 3, conntrack(0b110), 'match', 'passes'],
    ['conntrack', 3, conntrack(0b110, true), 'match', 'drops by rule 1'],
    ['conntrack', 3, conntrack(0b1000), 'match', 'drops by rule 1'],
    ['conntrack', 1, conntrack(0b1000), 'match', 'passes'],
    ['state', 0, Buffer.from([8, 0, 0, 0]), 'match', 'drops by rule 1'],
    ['multiport', 1, ports, 'match', 'drops by rule 1'],
    ['comment', 0, Buffer.alloc(0), 'match', 'drops by rule 1'],
    ['physdev', 0, Buffer.alloc(0), 'match', 'passes'],
    ['addrtype', 1, Buffer.alloc(8), 'match', 'passes'],
    ['LOG', 0, Buffer.alloc(0), 'target', 'drops by rule 1'],
    ['CT', 2, noTrack, 'target', 'drops by rule 1, takes them out of connection tracking'],
  ] as const) {
    const xtables = new Map([[1, [{ kind, name, revision, info }]]]);
    const rules = [[{ xt: { type: kind, name } }, drop]];
    assert.equal(
      outcome({ rules, chains: {}, policy: 'accept' }, request, xtables),
      expected,
      name,
    );
  }
});

function outcome(
  { rules, chains, policy }: Required<Pick<Case, 'rules' | 'chains' | 'policy'>>,
  packet: Packet,
  xtables: Parameters<typeof readRuleSet>[2] = new Map(),
): string {
  const table = { family: 'inet', table: 't' } as const;
  const base = { type: 'filter', hook: 'forward', prio: 0, policy };
  const all = Object.entries({ base: rules, ...chains });
  let handle = 0;
  const listing = all.flatMap(([name, own]) => [
    { chain: { ...table, name, ...(name === 'base' ? base : {}) } },
    ...own.map((expr) => ({ rule: { ...table, chain: name, handle: ++handle, expr } })),
  ]);
  const ruleSet = readRuleSet(table, listing, xtables);
  const chain = ruleSet.chains.get('base') ?? assert.fail();
  const { kind, by, chain: where, isUnsure, tracking } = walk(ruleSet, chain, packet);
  const place = kind === 'drops' ? ` by ${by}${where === 'base' ? '' : ` of ${where}`}` : '';
  const unsure = kind === 'drops' && isUnsure ? ', unsure' : '';
  return `${kind}${place}${unsure}${tracking === undefined ? '' : `, ${tracking.what}`}`;
}

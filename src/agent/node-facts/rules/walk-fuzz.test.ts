// Arbitrary rules of other programs: the walk always returns a result, and never throws.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '../../../../test/support/random.ts';
import { request, request6, tunnel } from '../../../../test/support/walked-rules.ts';
import type { Packet } from './packet.ts';
import { walk } from './packet-walk.ts';
import { readRuleSet } from './rule-set.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? 5);
const random = seededRandom(seed);
const oneOf = random.pick;
const several = (make: () => unknown, most = 4): readonly unknown[] =>
  Array.from({ length: random.below(most + 1) }, make);

// In libnftables' form, and in invalid forms.
const texts = [
  ...['192.0.2.1', '198.51.100.2', '9.9.9.9', '0.0.0.0', '192.0.2', '192.0.2.300', '010.0.0.1'],
  ...['::', '::1', '2001:db8::2', '::ffff:0.0.0.0', '::ffff:192.0.2.1', '::ffff:1', 'fe80::1%eth0'],
  ...['2001:db8::/32', ':', '::1::', '', '*', 'eth0', 'eth*', 'lo', '@missing', '@named', 'host'],
  ...['echo-request', 'nd-router-advert', 'destination-unreachable', 'tcp', 'icmpv6', 'new'],
  ...['broadcast', 'local', 'root', 'syn', '0x10', '-1', '1e3', '00:00:5e:00:53:01', 'ssh'],
];
const figures = [0, 1, 5, 24, 32, 33, 96, 128, 129, 443, 65_535, 2 ** 32, 2 ** 53, -1, 1.5, 1e300];

const scalar = (): unknown =>
  oneOf([() => oneOf(texts), () => oneOf(figures), () => oneOf([true, false, null])])();

function value(depth = 0): unknown {
  if (depth > 3 || random.oneIn(3)) return scalar();
  const inner = (): unknown => value(depth + 1);
  return oneOf<() => unknown>([
    () => ({ prefix: { addr: inner(), len: inner() } }),
    () => ({ prefix: { addr: oneOf(texts), len: oneOf(figures) } }),
    () => ({ prefix: inner() }),
    () => ({ range: [inner(), inner()] }),
    () => ({ range: several(inner) }),
    () => ({ set: several(inner) }),
    () => ({ set: inner() }),
    () => ({ concat: several(inner) }),
    () => ({ elem: { val: inner(), comment: 'x', timeout: 5 } }),
    () => ({ map: { key: left(), data: oneOf([inner, () => ({ set: pairs(inner) })])() } }),
    () => ({ [oneOf(['|', '&', '^', '<<'])]: several(inner) }),
    () => several(inner),
    left,
  ])();
}

const pairs = (make: () => unknown): unknown => several(() => [value(2), make()]);

function left(): unknown {
  return oneOf<() => unknown>([
    () => ({ payload: { protocol: oneOf(protocols), field: oneOf(fields) } }),
    () => ({ payload: { base: oneOf(['nh', 'th', 'll', 'ih']), offset: figure(), len: figure() } }),
    () => ({ meta: { key: oneOf(keys) } }),
    () => ({ ct: { key: oneOf([...keys, 'state', 'status', 'direction', 'zone']) } }),
    () => ({ fib: { result: oneOf(['type', 'oif', 'oifname']), flags: several(() => 'saddr') } }),
    () => ({
      exthdr: { name: oneOf(['frag', 'hbh', 'rt']), field: oneOf([undefined, 'frag-off']) },
    }),
    () => ({ 'tcp option': { name: 'maxseg', field: 'size' } }),
    () => ({ 'ip option': { name: 'lsrr' } }),
    () => ({ '&': [left(), scalar()] }),
    () => ({ concat: several(left) }),
    () => ({ [oneOf(['numgen', 'jhash', 'symhash', 'osf', 'socket'])]: { mod: 2 } }),
    scalar,
  ])();
}

const figure = (): unknown => oneOf(figures);
const protocols = ['ip', 'ip6', 'tcp', 'udp', 'th', 'icmp', 'icmpv6', 'ether', 'esp', 'arp'];
const fields = [
  ...['saddr', 'daddr', 'sport', 'dport', 'protocol', 'nexthdr', 'type', 'flags', 'length'],
  ...['ttl', 'hoplimit', 'frag-off', 'version', 'checksum', 'code'],
];
const keys = [
  ...['iif', 'oif', 'iifname', 'oifname', 'iiftype', 'pkttype', 'mark', 'l4proto', 'nfproto'],
  ...['protocol', 'length', 'skuid', 'cgroup', 'time', 'day', 'priority', 'ibrname'],
];

const info = (): Buffer =>
  Buffer.from(
    Array.from({ length: oneOf([0, 1, 4, 9, 12, 18, 48, 154, 168]) }, () => random.below(256)),
  );
const extensions = [
  ...['conntrack', 'state', 'multiport', 'tcp', 'udp', 'icmp', 'icmp6', 'ttl', 'hl', 'length'],
  ...['mark', 'connmark', 'addrtype', 'rpfilter', 'owner', 'rt', 'MARK', 'CONNMARK', 'TTL', 'HL'],
  ...['CT', 'SNAT', 'DNAT', 'NETMAP', 'MASQUERADE', 'REJECT', 'NFQUEUE', 'unheard'],
];
const extension = (): unknown => ({
  kind: oneOf(['match', 'target']),
  ...{ name: oneOf(extensions), revision: oneOf([0, 1, 2, 3]), info: info() },
});

// The kernel refuses loops.
let targets: readonly unknown[] = [];

function verdict(): Readonly<Record<string, unknown>> {
  return oneOf<() => Readonly<Record<string, unknown>>>([
    () => ({ accept: null }),
    () => ({ drop: null }),
    () => ({ return: null }),
    () => ({ [oneOf(['jump', 'goto'])]: { target: oneOf(targets) } }),
    () => ({ [oneOf(['snat', 'dnat', 'redirect'])]: { addr: value(), port: value() } }),
    () => ({ [oneOf(['queue', 'fwd', 'masquerade', 'notrack', 'log'])]: null }),
  ])();
}

function statement(): unknown {
  return oneOf<() => unknown>([
    () => ({
      match: { op: oneOf(['==', '!=', '<', '>', '<=', '>=', 'in']), left: left(), right: value() },
    }),
    () => ({ match: { op: '==', left: { concat: several(left) }, right: value() } }),
    () => ({ vmap: { key: left(), data: oneOf([value, () => ({ set: pairs(verdict) })])() } }),
    () => ({ mangle: { key: left(), value: value() } }),
    () => ({ xt: null }),
    () => ({ [oneOf(['limit', 'counter', 'quota', 'ct count', 'meter', 'match'])]: value() }),
    verdict,
    value,
  ])();
}

const { sourcePort: _, destinationPort: __, ...portless } = request6;
const packets: readonly Packet[] = [
  ...[request, request6, tunnel],
  { ...portless, protocol: 'icmpv6', icmpType: 'packet-too-big', state: 'related' },
  { ...request, isLaterFragment: true, state: 'established' },
  { ...request6, isTranslated: true, mayBeMarked: true },
  {
    ...request6,
    written: new Map([
      ['source', 'eth0'],
      ['destination', '5'],
      ['meta mark', undefined],
    ]),
  },
];

test(`a walk over random rules ends, seed ${seed}`, () => {
  const names = { family: 'inet', table: 't' } as const;
  const base = { type: 'filter', hook: 'forward', prio: 0, policy: 'accept' };
  for (let round = 0; round < 1_000; round++) {
    const rules = ['base', 'other'].flatMap((chain) => {
      targets = chain === 'base' ? ['other', 'missing', 5] : ['missing'];
      return Array.from({ length: 3 }, (___, index) => ({
        rule: { ...names, chain, handle: index, expr: [...several(statement), verdict()] },
      }));
    });
    const listing: readonly unknown[] = [
      { chain: { ...names, name: 'base', ...base } },
      { chain: { ...names, name: 'other' } },
      { set: { ...names, name: 'named', elem: several(value) } },
      ...rules,
    ];
    const xtables = new Map([0, 1, 2].map((handle) => [handle, several(extension)]));
    const set = readRuleSet(names, listing, xtables as Parameters<typeof readRuleSet>[2]);
    const chain = set.chains.get('base') ?? assert.fail();
    for (const packet of packets) {
      assert.doesNotThrow(
        () => walk(set, chain, packet),
        `round ${round}: ${JSON.stringify(listing)}`,
      );
    }
  }
});

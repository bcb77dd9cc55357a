// Random hostile Nodes, younger than the good ones: whatever they claim, no resulting route, tunnel, exemption or
// address breaks a rule, and the good nodes' state is unchanged. The rules are written here again, with whole numbers.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeDesired } from '../../../test/support/compute-desired.ts';
import type { ClusterNode } from '../../cluster/objects.ts';
import { emptyClusterState } from '../../cluster/state.ts';
import {
  type Address,
  addressBytes,
  addressFamily,
  isAddress,
  parseAddress,
} from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { type Prefix, parsePrefix, prefixAddress, prefixLength } from '../../net/prefix.ts';
import type { DesiredState, RoutingMode } from '../desired.ts';
import type { HostFacts } from '../host.ts';

const rounds = Number(process.env['HEDDLE_HOSTILE_NODES'] ?? 150);
const seed = Number(process.env['HEDDLE_SEED'] ?? 11);

const host: HostFacts = {
  uplinks: [
    {
      ifIndex: 2 as IfIndex,
      name: 'eth0',
      mtuBytes: 1500,
      addresses: [
        { address: parseAddress('10.77.0.11'), prefixLength: 24 },
        { address: parseAddress('fd00:77::11'), prefixLength: 64 },
      ],
    },
  ],
  occupied: [
    { kind: 'api server', prefix: parsePrefix('10.66.0.1/32') },
    { kind: 'gateway', prefix: parsePrefix('10.88.0.1/32') },
    { kind: 'api server', prefix: parsePrefix('10.77.0.40/32') },
    { kind: 'gateway', prefix: parsePrefix('fd00:77::1/128') },
  ],
};

const good = [1, 2, 3].map((index) =>
  node(`n${index}`, {
    podCidrs: [`10.78.${index}.0/24`, `fd00:78:${index}::/64`],
    addresses: [`10.77.0.1${index}`, `fd00:77::1${index}`],
    createdAt: index,
  }),
);

interface Claims {
  readonly podCidrs: readonly string[];
  readonly addresses: readonly string[];
  readonly createdAt: number;
}

function node(name: string, { podCidrs, addresses, createdAt }: Claims): ClusterNode {
  return {
    ...{ name, uid: name, createdAt, labels: {}, annotations: {} },
    podCidrs: podCidrs.map((text) => parsePrefix(text)),
    addresses: addresses.map((text) => parseAddress(text)),
  };
}

// First and last address as numbers, in one line for both families.
type Span = readonly [first: bigint, last: bigint];
const ipv4 = 0xffff_0000_0000n;

function numberOf(address: Address): bigint {
  const value = addressBytes(address).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  return addressFamily(address) === 4 ? ipv4 | value : value;
}

function spanOf(text: string): Span {
  const [head = '', tail] = text.split('/');
  assert.ok(isAddress(head), text);
  const first = numberOf(parseAddress(head));
  const bits = head.includes(':') ? 128 : 32;
  return [first, first + (1n << BigInt(bits - Number(tail ?? bits))) - 1n];
}

function meet([a, b]: Span, [c, d]: Span): boolean {
  return a <= d && c <= b;
}

const forbiddenToAll = [
  ...['0.0.0.0/8', '127.0.0.0/8', '169.254.0.0/16', '224.0.0.0/4', '240.0.0.0/4'],
  ...['192.0.0.0/24', '100.100.100.200/32', '168.63.129.16/32'],
  ...['::ffff:0:0:0/96'],
  ...['::/96', '64:ff9b::/96', '64:ff9b:1::/48', '100::/64', '2001::/23', '2002::/16'],
  ...['2620:4f:8000::/48', '5f00::/16', 'fe80::/10', 'fec0::/10', 'ff00::/8'],
  ...['fd00:ec2::/64', 'fd20:ce::254/128', 'fd00:c1::a9fe:a9fe/128', 'fd00:42::42/128'],
  ...['fd00:a9fe:a9fe::1/128'],
].map(spanOf);
const ofTheInternet = ['2000::/3'].map(spanOf);
const forExamples = ['2001:db8::/32', '3fff::/20'].map(spanOf);
const network = ['10.77.0.0/24', 'fd00:77::/64', '10.66.0.1/32', '10.88.0.1/32'].map(spanOf);
const notExempt = ['10.77.0.40', 'fd00:77::1'].map(spanOf);
const goodRanges = good.flatMap(({ podCidrs }) => podCidrs.map(spanOf));
const goodAddresses = good.flatMap(({ addresses }) => addresses.map(spanOf));

function checkRange(prefix: Prefix): void {
  const span = spanOf(prefix);
  const least = prefixAddress(prefix).includes(':') ? 16 : 8;
  assert.ok(prefixLength(prefix) >= least, `${prefix} is short`);
  for (const other of [...forbiddenToAll, ...network, ...goodRanges, ...goodAddresses]) {
    assert.ok(!meet(span, other), prefix);
  }
  // The good Nodes have private ones.
  const isExample = forExamples.some((other) => meet(span, other));
  assert.ok(isExample || !ofTheInternet.some((other) => meet(span, other)), prefix);
}

function checkAddress(address: Address): void {
  const span = spanOf(address);
  for (const other of [...forbiddenToAll, ...goodRanges, ...goodAddresses]) {
    assert.ok(!meet(span, other), address);
  }
}

const bases = [
  ...['10.77.0.66', '10.77.0.67', 'fd00:77::66', 'fd00:77::67', '10.80.0.0', 'fd00:80::'],
  ...['10.77.0.40', 'fd00:77::1'],
  ...[
    '10.77.0.1',
    '10.77.0.12',
    '10.77.0.255',
    '10.78.1.0',
    '10.78.2.128',
    '10.66.0.1',
    '10.88.0.1',
  ],
  ...['0.0.0.0', '8.8.8.0', '127.0.0.1', '128.0.0.0', '169.254.169.254', '224.0.0.1', '240.0.0.0'],
  ...['255.255.255.255', '10.79.0.0', '10.0.0.0', '192.168.1.0', '172.17.0.1', '100.64.0.0'],
  ...[
    '::',
    '::1',
    'fd00:77::12',
    'fd00:78:1::',
    'fd00:78:2::5',
    'fe80::1',
    'ff02::1',
    '2001:db8::',
  ],
  ...['64:ff9b::', '64:ff9b:1::', '2000::', 'fd00:79::', '8000::', '::a00:0', '100::', '2001::'],
  ...['2002:a4d:c::1', 'fec0::1', '2606:4700:4700::1111', '5f00::', 'fd00:ec2::254'],
  ...['fd20:ce::254', '100.100.100.200', '192.0.0.192', '168.63.129.16'],
];

function randomFrom(start: number): (below: number) => number {
  let state = start;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

function hostile(index: number, random: (below: number) => number): ClusterNode {
  const pick = (): string => bases[random(bases.length)] ?? '::';
  const podCidrs = Array.from({ length: random(4) }, () => {
    const base = pick();
    return `${base}/${random(3) === 0 ? random(base.includes(':') ? 129 : 33) : base.includes(':') ? 64 : 24}`;
  });
  const addresses = Array.from({ length: random(4) }, pick);
  // An old kubelet that reports more addresses than its own.
  if (random(4) === 0) {
    const own = [`10.77.0.${100 + index}`, `fd00:77::${100 + index}`];
    return node(`old${index}`, { podCidrs: [], addresses: [...own, ...addresses], createdAt: 0 });
  }
  // Names before, between and after those of the good Nodes.
  const name = `${['a', 'n2-', 'zz'][random(3)]}${index}`;
  return node(name, { podCidrs, addresses, createdAt: 10 + random(3) });
}

function desired(
  mode: RoutingMode,
  nodes: readonly ClusterNode[],
  held?: DesiredState['held'],
): DesiredState {
  const cluster = { ...emptyClusterState, nodes: new Map(nodes.map((each) => [each.name, each])) };
  const vxlan = { port: 4789, vni: 1 };
  const config = { nodeName: 'n1', mode, masquerade: true, nonMasqueradeCidrs: [], vxlan };
  return computeDesired({ config, cluster, endpoints: [], host, held });
}

const goodNames = new Set(good.map(({ name }) => name));

for (const mode of ['native', 'vxlan'] as const) {
  test(`hostile Nodes do not affect valid ones and break no rule, mode ${mode}, seed ${seed}`, () => {
    const random = randomFrom(seed);
    const alone = desired(mode, good);
    assert.equal(alone.remoteRanges.length, 4);
    let used = 0;
    for (let round = 0; round < rounds; round++) {
      const evil = Array.from({ length: 1 + random(4) }, (_, index) => hostile(index, random));
      const nodes = [...evil, ...good].toSorted(() => random(3) - 1);
      const found = desired(mode, nodes);
      const ofGood = found.remoteRanges.filter((range) => goodNames.has(range.node));
      assert.deepEqual(ofGood, alone.remoteRanges);
      assert.deepEqual(found.podRanges, alone.podRanges);
      assert.deepEqual(found.hostAddresses, alone.hostAddresses);
      const ofEvil = found.remoteRanges.filter((range) => !goodNames.has(range.node));
      for (const { prefix, path } of ofEvil) {
        checkRange(prefix);
        checkAddress(path.kind === 'native' ? path.nextHop : path.tunnelEndpoint);
      }
      used += ofEvil.length;
      for (const [name, { podCidrs, addresses }] of found.nodes) {
        if (goodNames.has(name)) continue;
        podCidrs.forEach(checkRange);
        addresses.forEach(checkAddress);
      }
      const spans = found.remoteRanges.map(({ prefix }) => spanOf(prefix));
      spans.forEach((span, index) => {
        assert.ok(!spans.some((other, place) => place < index && meet(span, other)));
      });
      // An exemption belongs to the cluster, or existed without the hostile Nodes.
      for (const prefix of found.masquerade?.exempt ?? []) {
        const span = spanOf(prefix);
        for (const other of [...forbiddenToAll, ...notExempt]) {
          assert.ok(!meet(span, other), prefix);
        }
      }
    }
    assert.ok(used > 0, 'some of the claims are good');
  });
}

for (const mode of ['native', 'vxlan'] as const) {
  test(`a valid Node that is deleted and recreated loses nothing to hostile ones, mode ${mode}, seed ${seed}`, () => {
    const random = randomFrom(seed);
    const [n1, n2, n3] = good;
    assert.ok(n1 && n2 && n3);
    const spans = [...n2.podCidrs, ...n2.addresses].map(spanOf);
    for (let round = 0; round < rounds; round++) {
      const evil = Array.from({ length: 1 + random(4) }, (_, index) => hostile(index, random));
      const before = desired(mode, [...evil, ...good]);
      const without = desired(mode, [...evil, n1, n3], before.held);
      for (const [name, { podCidrs, addresses }] of without.nodes) {
        if (goodNames.has(name)) continue;
        for (const claim of [...podCidrs, ...addresses]) {
          const claimed = spanOf(claim);
          assert.ok(!spans.some((span) => meet(span, claimed)), `${name} ${claim}`);
        }
      }
      const again = { ...n2, uid: 'again', createdAt: 99 };
      const after = desired(mode, [...evil, n1, again, n3], without.held);
      assert.deepEqual(after.remoteRanges, before.remoteRanges);
    }
  });
}

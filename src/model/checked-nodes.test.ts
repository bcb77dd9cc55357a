import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterService } from '../cluster/objects.ts';
import { parseAddress } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import { type Prefix, parsePrefix, prefixesOverlap } from '../net/prefix.ts';
import { checkNodes } from './checked-nodes.ts';
import { agedClaims } from './held-claims.ts';
import type { HostAddress, HostFacts } from './host.ts';
import type { NetworkNode } from './network-nodes.ts';
import type { RangeOwners } from './pod-ranges.ts';
import { serviceAddresses } from './service-addresses.ts';

interface Given {
  readonly ranges?: readonly string[];
  readonly addresses?: readonly string[];
  /** Larger is younger; absent: the order of names. */
  readonly age?: number;
  readonly uid?: string;
}

interface Options {
  readonly host?: HostFacts;
  readonly services?: readonly ClusterService[];
  readonly podCidrs?: readonly string[];
  readonly mode?: 'native' | 'vxlan';
  readonly held?: RangeOwners['held'];
}

const host: HostFacts = {
  uplinks: [
    {
      ifIndex: 2 as IfIndex,
      name: 'eth0',
      mtuBytes: 1500,
      addresses: [
        { address: parseAddress('10.77.0.11'), prefixLength: 24 },
        { address: parseAddress('fd00:77::11'), prefixLength: 64 },
        { address: parseAddress('fe80::1'), prefixLength: 64 },
      ],
    },
  ],
  addresses: [
    own('eth0', '10.77.0.11', 24),
    own('eth0', 'fd00:77::11', 64),
    own('docker0', '10.99.0.1', 16),
    own('lo', '10.55.5.5', 32),
  ],
  occupied: [
    { kind: 'gateway', prefix: parsePrefix('10.88.0.1/32'), ifName: 'eth0' },
    { kind: 'api server', prefix: parsePrefix('10.66.0.1/32') },
  ],
};

function own(ifName: string, address: string, prefixLength: number): HostAddress {
  return { ifName, address: parseAddress(address), prefixLength, leadsNowhere: ifName === 'lo' };
}

function node(name: string, { ranges = [], addresses = [], age, uid }: Given): NetworkNode {
  return {
    name,
    podCidrs: ranges.map((text) => parsePrefix(text)),
    addresses: addresses.map((text) => parseAddress(text)),
    ...(age === undefined ? {} : { createdAt: age }),
    ...(uid === undefined ? {} : { uid }),
  };
}

function service(name: string, fields: Partial<ClusterService>): ClusterService {
  return {
    ...{ namespace: 'shop', name, labels: {}, annotations: {}, type: 'ClusterIP', ports: [] },
    ...{ clusterAddresses: [], externalAddresses: [] },
    ...fields,
  };
}

function check(given: Readonly<Record<string, Given>>, options: Options = {}): RangeOwners {
  const { services = [], podCidrs = [], mode = 'vxlan' } = options;
  const nodes = new Map(Object.entries(given).map(([name, rest]) => [name, node(name, rest)]));
  const byKey = new Map(services.map((each) => [`shop/${each.name}`, each]));
  return checkNodes({
    config: { nodeName: 'n1', mode, podCidrs: podCidrs.map((text) => parsePrefix(text)) },
    nodes,
    host: options.host ?? { uplinks: [] },
    services: serviceAddresses(byKey, nodes),
    held: options.held,
  });
}

function told({ problems }: RangeOwners): readonly string[] {
  return problems.map(({ object, text }) => `${object}: ${text}`);
}

const good = {
  n1: { ranges: ['10.78.1.0/24', 'fd00:78:1::/64'], addresses: ['10.77.0.11', 'fd00:77::11'] },
  n2: { ranges: ['10.78.2.0/24', 'fd00:78:2::/64'], addresses: ['10.77.0.12', 'fd00:77::12'] },
} as const;
const old = { n1: { ...good.n1, age: 1 }, n2: { ...good.n2, age: 2 } };

test('what good nodes claim is used as it is, by the very same objects', () => {
  const nodes = new Map(Object.entries(good).map(([name, rest]) => [name, node(name, rest)]));
  const found = checkNodes({
    config: { nodeName: 'n1', mode: 'native' },
    nodes,
    host,
    services: serviceAddresses(new Map(), nodes),
  });
  assert.deepEqual(found.problems, []);
  assert.deepEqual(found.nodes, [...nodes.values()]);
  for (const each of found.nodes) assert.equal(each, nodes.get(each.name));
});

const refusedRanges: readonly (readonly [string, string])[] = [
  ['10.77.0.11/32', 'holds 10.77.0.11, an address of this node (eth0)'],
  ['10.77.0.12/32', 'lies in 10.77.0.0/24, a network that this node is connected to (eth0)'],
  ['10.77.0.0/24', 'holds 10.77.0.11, an address of this node (eth0)'],
  ['10.77.0.128/25', 'lies in 10.77.0.0/24, a network that this node is connected to (eth0)'],
  ['10.76.0.0/15', 'holds 10.77.0.11, an address of this node (eth0)'],
  ['fd00:77::/64', 'holds fd00:77::11, an address of this node (eth0)'],
  ['fd00:77::8000:0/112', 'lies in fd00:77::/64, a network that this node is connected to (eth0)'],
  ['10.99.128.0/24', 'lies in 10.99.0.0/16, a network that this node is connected to (docker0)'],
  ['10.55.0.0/16', 'holds 10.55.5.5, an address of this node (lo)'],
  ['10.88.0.0/24', 'holds 10.88.0.1, a gateway of this node (eth0)'],
  [
    '10.66.0.1/32',
    'holds 10.66.0.1, an address of the API server, the proxy to it or a name server',
  ],
  [
    '10.64.0.0/12',
    'holds 10.66.0.1, an address of the API server, the proxy to it or a name server',
  ],
  ['0.0.0.0/0', 'is shorter than /8'],
  ['128.0.0.0/1', 'is shorter than /8'],
  ['10.0.0.0/7', 'is shorter than /8'],
  ['::/0', 'is shorter than /16'],
  ['2000::/3', 'is shorter than /16'],
  ['fd00::/15', 'is shorter than /16'],
  ['0.0.0.0/8', 'overlaps 0.0.0.0/8 (this network)'],
  ['127.0.0.0/8', 'overlaps 127.0.0.0/8 (loopback)'],
  ['127.8.0.0/24', 'overlaps 127.0.0.0/8 (loopback)'],
  [
    '169.254.169.254/32',
    'overlaps 169.254.0.0/16 (link-local, with the metadata services of clouds)',
  ],
  ['169.254.1.1/32', 'overlaps 169.254.0.0/16 (link-local, with the metadata services of clouds)'],
  ['169.0.0.0/8', 'overlaps 169.254.0.0/16 (link-local, with the metadata services of clouds)'],
  ['224.0.0.0/8', 'overlaps 224.0.0.0/4 (multicast)'],
  ['239.1.0.0/16', 'overlaps 224.0.0.0/4 (multicast)'],
  ['240.0.0.0/8', 'overlaps 240.0.0.0/4 (reserved, with the broadcast address)'],
  ['255.255.255.255/32', 'overlaps 240.0.0.0/4 (reserved, with the broadcast address)'],
  ['::1/128', 'overlaps ::1/128 (loopback)'],
  ['::/64', 'overlaps ::/128 (the unspecified address)'],
  ['::/96', 'overlaps ::/128 (the unspecified address)'],
  ['::a00:0/104', 'overlaps ::/96 (IPv4 addresses written as IPv6)'],
  ['::ffff:0:a00:0/104', 'overlaps ::ffff:0:0:0/96 (IPv4 addresses translated to IPv6)'],
  ['64:ff9b::/96', 'overlaps 64:ff9b::/96 (NAT64)'],
  ['64:ff9b::a4d:c/128', 'overlaps 64:ff9b::/96 (NAT64)'],
  ['64:ff9b:1::/48', 'overlaps 64:ff9b:1::/48 (NAT64)'],
  ['64::/16', 'overlaps 64:ff9b::/96 (NAT64)'],
  ['100::/64', 'overlaps 100::/64 (discarded)'],
  ['2001::/32', 'overlaps 2001::/23 (protocol assignments, with Teredo)'],
  ['2001::/16', 'overlaps 2001::/23 (protocol assignments, with Teredo)'],
  ['2002:a4d:c::/48', 'overlaps 2002::/16 (6to4)'],
  ['fec0::/10', 'is shorter than /16'],
  ['fec0:1::/64', 'overlaps fec0::/10 (site-local)'],
  ['5f00:1::/64', 'overlaps 5f00::/16 (segment routing)'],
  ['2620:4f::/32', 'overlaps 2620:4f:8000::/48 (AS112)'],
  ['192.0.0.192/32', 'overlaps 192.0.0.0/24 (protocol assignments, with a metadata service)'],
  ['192.0.0.0/16', 'overlaps 192.0.0.0/24 (protocol assignments, with a metadata service)'],
  [
    '100.100.100.200/32',
    'overlaps 100.100.100.200/32 (metadata service of Alibaba Cloud): this range is not used',
  ],
  ['100.100.100.0/24', 'overlaps 100.100.100.200/32 (metadata service of Alibaba Cloud)'],
  ['100.64.0.0/10', 'overlaps 100.100.100.200/32 (metadata service of Alibaba Cloud)'],
  ['168.63.129.16/32', 'overlaps 168.63.129.16/32 (metadata service of Azure)'],
  ['fd00:ec2::254/128', 'overlaps fd00:ec2::/64 (metadata service of AWS)'],
  ['fd00:ec2::/48', 'overlaps fd00:ec2::/64 (metadata service of AWS)'],
  ['fd20:ce::254/128', 'overlaps fd20:ce::254/128 (metadata service of Google Cloud)'],
  ['fd20:ce::/64', 'overlaps fd20:ce::254/128 (metadata service of Google Cloud)'],
  ['fd00:c1::a9fe:a9fe/128', 'overlaps fd00:c1::a9fe:a9fe/128 (metadata service of Oracle Cloud)'],
  ['fd00:42::42/128', 'overlaps fd00:42::42/128 (metadata service of Scaleway)'],
  ['fd00:a9fe:a9fe::/64', 'overlaps fd00:a9fe:a9fe::1/128 (metadata service of Akamai)'],
  ['2606:4700:4700::1111/128', 'has public addresses, while pods of Node n1 have private ones'],
  ['2600::/16', 'has public addresses, while pods of Node n1 have private ones'],
  ['fe80::/64', 'overlaps fe80::/10 (link-local)'],
  ['ff02::/16', 'overlaps ff00::/8 (multicast)'],
  ['8.8.8.0/24', 'has public addresses'],
  ['10.78.2.0/24', 'is 10.78.2.0/24 of Node n2, which was first'],
  ['10.78.2.128/25', 'overlaps 10.78.2.0/24 of Node n2, which was first'],
  ['10.78.0.0/16', 'overlaps 10.78.1.0/24 of Node n1, which was first'],
  ['fd00:78::/32', 'overlaps fd00:78:1::/64 of Node n1, which was first'],
];

for (const [range, why] of refusedRanges) {
  test(`a younger Node, whatever its name, does not get ${range} for its pods and keeps its good range`, () => {
    const evil = {
      ranges: ['10.79.0.0/24', range, 'fd00:79::/64'],
      addresses: ['10.77.0.66', 'fd00:77::66'],
      age: 3,
    };
    for (const name of ['a', 'zz']) {
      const found = check({ ...old, [name]: evil }, { host });
      assert.equal(found.owners.get(parsePrefix(range)) ?? 'n2', 'n2', range);
      assert.deepEqual(found.nodes.find((each) => each.name === name)?.podCidrs, [
        '10.79.0.0/24',
        'fd00:79::/64',
      ]);
      assert.equal(found.problems.length, 1);
      assert.ok(
        told(found)[0]?.startsWith(`${name}: spec.podCIDRs: ${range} ${why}`),
        told(found)[0],
      );
      for (const [owner, { ranges }] of Object.entries(good)) {
        for (const own of ranges) assert.equal(found.owners.get(parsePrefix(own)), owner);
      }
    }
  });
}

const refusedAddresses: readonly (readonly [string, string])[] = [
  ['0.0.0.0', 'overlaps 0.0.0.0/8 (this network)'],
  ['127.0.0.1', 'overlaps 127.0.0.0/8 (loopback)'],
  ['169.254.169.254', 'overlaps 169.254.0.0/16'],
  ['224.0.0.1', 'overlaps 224.0.0.0/4 (multicast)'],
  ['255.255.255.255', 'overlaps 240.0.0.0/4'],
  ['::', 'overlaps ::/128'],
  ['::1', 'overlaps ::1/128 (loopback)'],
  ['fe80::1', 'overlaps fe80::/10 (link-local)'],
  ['ff02::1', 'overlaps ff00::/8 (multicast)'],
  ['192.0.0.192', 'overlaps 192.0.0.0/24 (protocol assignments, with a metadata service)'],
  ['100.100.100.200', 'overlaps 100.100.100.200/32 (metadata service of Alibaba Cloud)'],
  ['fd00:ec2::254', 'overlaps fd00:ec2::/64 (metadata service of AWS)'],
  ['64:ff9b::a4d:c', 'overlaps 64:ff9b::/96 (NAT64)'],
  ['2002:a4d:c::1', 'overlaps 2002::/16 (6to4)'],
  ['10.77.0.12', 'is an InternalIP of Node n2, which keeps it'],
  ['fd00:77::12', 'is an InternalIP of Node n2, which keeps it'],
  ['10.77.0.11', 'is an address of this node, n1 (eth0)'],
  ['10.99.0.1', 'is an address of this node, n1 (docker0)'],
  ['10.78.2.9', 'lies in 10.78.2.0/24, a pod range of Node n2'],
  ['fd00:78:1::9', 'lies in fd00:78:1::/64, a pod range of Node n1'],
  ['10.77.0.255', "is no host's in a network that this node is connected to"],
  ['10.77.0.0', "is no host's in a network that this node is connected to"],
];

for (const [address, why] of refusedAddresses) {
  test(`a younger Node does not get ${address} as its own and keeps its good address`, () => {
    const evil = { ranges: ['10.79.0.0/24'], addresses: [address, '10.77.0.66'], age: 3 };
    const found = check({ ...old, a: evil }, { host });
    assert.deepEqual(found.nodes[0]?.addresses, ['10.77.0.66']);
    assert.equal(found.problems.length, 1);
    assert.ok(
      told(found)[0]?.startsWith(`a: status.addresses: InternalIP ${address} ${why}`),
      told(found)[0],
    );
    assert.equal(found.owners.get(parsePrefix('10.79.0.0/24')), 'a');
  });
}

test('a range that holds an InternalIP of an older Node elsewhere is refused, and of a younger its address', () => {
  const found = check({
    far: { ranges: ['10.78.3.0/24'], addresses: ['192.168.9.3'], age: 1 },
    around: { ranges: ['192.168.9.0/24'], addresses: ['192.168.7.1'], age: 2 },
    inside: { ranges: ['10.78.4.0/24'], addresses: ['10.78.3.7'], age: 3 },
    itself: { ranges: ['192.168.8.0/24'], addresses: ['192.168.8.1'], age: 4 },
  });
  assert.deepEqual(told(found), [
    'around: spec.podCIDRs: 192.168.9.0/24 holds 192.168.9.3, an InternalIP of Node far, which was first: this range is not used',
    'inside: status.addresses: InternalIP 10.78.3.7 lies in 10.78.3.0/24, a pod range of Node far: this address is not used',
    'itself: spec.podCIDRs: 192.168.8.0/24 holds 192.168.8.1, an InternalIP of its own: this range is not used',
  ]);
});

test('an older Node takes no range from a younger one by further addresses that it reports', () => {
  const ranges = ['10.78.2.0/24', 'fd00:78:2::/64'];
  for (const mode of ['native', 'vxlan'] as const) {
    const found = check(
      {
        aged: { age: 1, addresses: ['10.77.0.66', '10.78.2.5', 'fd00:77::66', 'fd00:78:2::5'] },
        young: { age: 2, ranges, addresses: ['10.77.0.12'] },
      },
      { host, mode },
    );
    assert.deepEqual([...found.owners.keys()], ranges);
    assert.deepEqual(told(found), [
      'aged: status.addresses: InternalIP 10.78.2.5 lies in 10.78.2.0/24, a pod range of Node young: this address is not used',
      'aged: status.addresses: InternalIP fd00:78:2::5 lies in fd00:78:2::/64, a pod range of Node young: this address is not used',
    ]);
  }
});

test('nor by its only one where that leads nowhere, or where podCidrs says that it is for pods', () => {
  const nodes = {
    aged: { age: 1, addresses: ['10.78.2.5'] },
    young: { age: 2, ranges: ['10.78.2.0/24'], addresses: ['10.77.0.12'] },
  };
  for (const options of [
    { mode: 'native' },
    { mode: 'vxlan', podCidrs: ['10.78.0.0/16'] },
  ] as const) {
    const found = check(nodes, { host, ...options });
    assert.deepEqual([...found.owners], [['10.78.2.0/24', 'young']]);
    assert.match(
      told(found).join(),
      /^aged: status.addresses: InternalIP 10.78.2.5 lies in .*: this/,
    );
  }
});

test('an address that an older Node adds to its own takes it from no younger one', () => {
  const found = check({
    aged: { age: 1, addresses: ['192.168.9.1', '192.168.9.2'] },
    young: { age: 2, addresses: ['192.168.9.2'] },
  });
  assert.deepEqual(told(found), [
    'aged: status.addresses: InternalIP 192.168.9.2 is an InternalIP of Node young, which keeps it: this address is not used',
  ]);
});

const orders: readonly (readonly [string, Readonly<Record<string, Given>>])[] = [
  ['created first', { young: { age: 2, uid: 'a' }, aged: { age: 1, uid: 'b' } }],
  ['with the lesser uid', { young: { age: 1, uid: 'b' }, aged: { age: 1, uid: 'a' } }],
  ['with a creation time at all', { a: {}, aged: { age: 9 } }],
  ['first by name, where manifests say no more', { young: {}, aged: {} }],
];
for (const [what, given] of orders) {
  test(`between two claims the Node ${what} wins`, () => {
    const ranges = ['10.78.5.0/24'];
    const all = Object.entries(given).map(([name, rest]) => [name, { ...rest, ranges }] as const);
    for (const entries of [all, all.toReversed()]) {
      const found = check(Object.fromEntries(entries));
      assert.deepEqual([...found.owners], [['10.78.5.0/24', 'aged']]);
      assert.match(
        told(found).join(),
        /^(young|a): spec.podCIDRs: 10.78.5.0\/24 is 10.78.5.0\/24 of Node aged, which was first/,
      );
    }
  });
}

test('a range that was refused takes nothing from another Node', () => {
  const found = check({
    a: { ranges: ['192.0.2.0/26'] },
    b: { ranges: ['192.0.2.0/24'] },
    c: { ranges: ['192.0.2.64/26'] },
  });
  assert.deepEqual(
    [...found.owners],
    [
      ['192.0.2.0/26', 'a'],
      ['192.0.2.64/26', 'c'],
    ],
  );
});

test('ranges of one Node that overlap each other are the first alone', () => {
  const found = check({ a: { ranges: ['10.78.0.0/24', '10.78.0.0/25', '10.78.1.0/24'] } });
  assert.deepEqual([...found.owners.keys()], ['10.78.0.0/24', '10.78.1.0/24']);
  assert.deepEqual(told(found), [
    'a: spec.podCIDRs: 10.78.0.0/25 overlaps 10.78.0.0/24 of its own: this range is not used',
  ]);
});

test("this node's own range is held to the same rules", () => {
  const found = check({ n1: { ranges: ['10.77.0.0/25'], addresses: ['10.77.0.11'] } }, { host });
  assert.deepEqual(told(found), [
    'n1: spec.podCIDRs: 10.77.0.0/25 holds 10.77.0.11, an address of this node (eth0): this range is not used',
  ]);
  assert.equal(found.nodes[0]?.lostRanges, true);
});

test('with podCidrs configured, a range outside of them is refused and a public one inside is not', () => {
  const nodes = { n1: { ranges: ['10.78.1.0/24'] }, n2: { ranges: ['8.8.8.0/24'] } };
  assert.deepEqual(told(check(nodes, { podCidrs: ['8.8.0.0/16'] })), [
    'n1: spec.podCIDRs: 10.78.1.0/24 is not in podCidrs (8.8.0.0/16): this range is not used',
  ]);
  assert.deepEqual(told(check({ n2: { ranges: ['8.8.8.0/24'] } })), []);
});

test('where podCidrs covers a metadata service a range may hold it, but none that is little more than that', () => {
  const ranges = ['100.100.100.0/24', 'fd00:ec2::/64'];
  const podCidrs = ['100.64.0.0/10', 'fd00:ec2::/48'];
  assert.deepEqual([...check({ a: { ranges } }, { podCidrs }).owners.keys()], ranges);
  assert.deepEqual(told(check({ a: { ranges } }, { podCidrs })), []);
  for (const range of ['100.100.100.200/32', '100.100.100.128/25', 'fd00:ec2::200/121']) {
    const found = check({ a: { ranges: [range] } }, { podCidrs });
    assert.equal(found.owners.size, 0);
    assert.match(
      told(found).join(),
      /overlaps .* \(metadata service of .*\): this range is not used/,
    );
  }
});

test('public IPv6 ranges are right where no older Node has private ones, and private IPv4 ones say nothing of them', () => {
  const ranges = ['10.78.1.0/24', '2600:1f00::/80'];
  assert.deepEqual(told(check({ a: { ranges } })), []);
  const later = { a: { ranges }, b: { ranges: ['10.78.2.0/24', 'fd00:78:2::/64'] } };
  assert.deepEqual(told(check(later)), []);
});

test('a range that holds an address of an older Service is refused; of a younger or an external one it is told', () => {
  const services = [
    service('dns', { clusterAddresses: [parseAddress('10.96.0.10')], createdAt: 1 }),
    service('late', { clusterAddresses: [parseAddress('10.97.0.10')], createdAt: 9 }),
    service('tenant', { externalAddresses: [parseAddress('10.98.0.10')], createdAt: 1 }),
  ];
  const found = check(
    { a: { age: 5, ranges: ['10.96.0.10/32', '10.97.0.0/24', '10.98.0.0/24', '10.95.0.0/24'] } },
    { services },
  );
  assert.deepEqual([...found.owners.keys()], ['10.97.0.0/24', '10.98.0.0/24', '10.95.0.0/24']);
  assert.deepEqual(told(found), [
    'a: spec.podCIDRs: 10.96.0.10/32 holds 10.96.0.10, an address of Service shop/dns: this range is not used',
    "a: spec.podCIDRs: 10.97.0.0/24 holds 10.97.0.10, an address of Service shop/late: what is sent there may reach this Node's pods instead",
    "a: spec.podCIDRs: 10.98.0.0/24 holds 10.98.0.10, an address of Service shop/tenant: what is sent there may reach this Node's pods instead",
  ]);
});

test('of twenty thousand addresses a few are looked at', () => {
  const addresses = Array.from(
    { length: 20_000 },
    (_, index) => `192.168.${index >> 8}.${index & 255}`,
  );
  const found = check({ a: { addresses } });
  assert.equal(found.nodes[0]?.addresses.length, 32);
  assert.deepEqual(told(found), ['a: status.addresses: 19968 beyond the first 32 are not used']);
});

test('whatever nodes claim, what is accepted never overlaps and what is refused always does', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 50; round++) {
    const given: Record<string, Given> = {};
    for (let index = 0; index < 12; index++) {
      given[`node-${index}`] = { ranges: [`192.0.2.${random(256)}/${24 + random(9)}`] };
    }
    const accepted = [...check(given).owners.keys()];
    const overlapping = (prefix: Prefix): Prefix | undefined =>
      accepted.find((other) => other !== prefix && prefixesOverlap(other, prefix));
    for (const prefix of accepted) assert.equal(overlapping(prefix), undefined, prefix);
    for (const { ranges = [] } of Object.values(given)) {
      const prefix = parsePrefix(ranges[0] ?? '');
      assert.ok(accepted.includes(prefix) || overlapping(prefix) !== undefined, prefix);
    }
  }
});

function claimsOf({ nodes }: RangeOwners): readonly unknown[] {
  return nodes.map(({ name, addresses, podCidrs }) => ({ name, addresses, podCidrs }));
}

const takenByOlder: readonly (readonly [string, readonly string[], string])[] = [
  [
    'the address of a younger Node',
    ['10.77.0.12', 'fd00:77::12'],
    'status.addresses: InternalIP 10.77.0.12 is an InternalIP of Node n2, which keeps it: this address is not used',
  ],
  [
    'an address in the range of a younger Node',
    ['10.78.2.5'],
    'status.addresses: InternalIP 10.78.2.5 lies in 10.78.2.0/24, a pod range of Node n2: this address is not used',
  ],
];

for (const [what, addresses, text] of takenByOlder) {
  test(`an old Node that claims ${what} later does not get it`, () => {
    const before = check(old);
    const given = { ...old, n1: { ...old.n1, addresses: [...addresses, ...old.n1.addresses] } };
    const found = check(given, { held: before.held });
    assert.ok(told(found).includes(`n1: ${text}`), told(found).join('\n'));
    assert.deepEqual(claimsOf(found), claimsOf(before));
    assert.equal(found.held.holders, before.held.holders);
    assert.equal(check(given, { held: found.held }).held, found.held);
    // An agent that starts now knows the age alone.
    assert.notDeepEqual(claimsOf(check(given)), claimsOf(before));
  });
}

test("an old Node that gets another range later does not take a younger one's", () => {
  const before = check(old);
  const given = { ...old, n1: { ...old.n1, ranges: [...old.n1.ranges, '10.78.2.128/25'] } };
  assert.deepEqual(claimsOf(check(given, { held: before.held })), claimsOf(before));
});

test('what a Node gives up is free', () => {
  const before = check({ ...old, n2: { ...old.n2, uid: 'a' } });
  const moved = { ...old, n2: { ...old.n2, addresses: ['10.77.0.13'] } };
  const n1 = { ...old.n1, addresses: ['10.77.0.12', ...old.n1.addresses] };
  assert.deepEqual(told(check({ ...moved, n1 }, { held: before.held })), []);
});

const again = { ...good.n2, age: 9, uid: 'b' };
const evil = { ranges: ['10.78.2.128/25'], addresses: ['10.77.0.66', '10.77.0.12'], age: 3 };
const first = { ...old, n2: { ...old.n2, uid: 'a' }, evil };
const atOnce = { n1: old.n1, evil, n2: again };

test('a Node that is deleted and made again gets back what it had, from whoever claimed it in vain', () => {
  const before = check(first);
  assert.deepEqual(claimsOf(check(atOnce, { held: before.held })), claimsOf(before));
  const without = check({ n1: old.n1, evil }, { held: before.held });
  assert.deepEqual(told(without), [
    'evil: spec.podCIDRs: 10.78.2.128/25 is or overlaps 10.78.2.0/24 of Node n2, which was deleted: kept 15 min for a Node of that name: this range is not used',
    'evil: status.addresses: InternalIP 10.77.0.12 is or overlaps 10.77.0.12 of Node n2, which was deleted: kept 15 min for a Node of that name: this address is not used',
  ]);
  const bare = { n1: old.n1, evil, n2: { age: 9, uid: 'b' } };
  const untold = check(bare, { held: without.held });
  assert.equal(untold.problems.length, 2, 'made again, and not given a range yet');
  for (const { held } of [without, untold]) {
    assert.deepEqual(claimsOf(check(atOnce, { held })), claimsOf(before));
  }
});

test('what a deleted Node had is kept for some time, and from none that did not claim it before', () => {
  const before = check(first);
  const later = { ranges: ['10.78.2.0/24'], addresses: ['10.77.0.12'], age: 8 };
  const gone = { n1: old.n1, evil };
  const kept = agedClaims(check(gone, { held: before.held }).held, 1_000);
  assert.equal(agedClaims(kept, 1_000 + 15 * 60_000 - 1), kept);
  assert.equal(check(gone, { held: kept }).held, kept);
  const fresh = check({ ...gone, later }, { held: kept });
  assert.equal(fresh.owners.get(parsePrefix('10.78.2.0/24')), 'later');
  const expired = agedClaims(kept, 1_000 + 15 * 60_000);
  assert.equal(expired.gone.size, 0);
  const found = check(gone, { held: expired });
  assert.deepEqual(told(found), []);
  assert.deepEqual(found.held.contested, new Set());
});

test('a Node that is made again with another range and address leaves the old ones to others', () => {
  const before = check(first);
  const n2 = { age: 9, uid: 'b', ranges: ['10.78.5.0/24'], addresses: ['10.77.0.15'] };
  const gone = check({ n1: old.n1, evil }, { held: before.held });
  const moved = check({ n1: old.n1, evil, n2 }, { held: gone.held });
  assert.equal(moved.held.gone.size, 0);
  assert.deepEqual(told(check({ n1: old.n1, evil, n2 }, { held: moved.held })), []);
});

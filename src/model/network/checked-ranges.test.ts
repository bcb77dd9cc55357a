import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  checkClaims as check,
  good,
  host,
  old,
  service,
  told,
} from '../../../test/support/claiming-nodes.ts';
import { parseAddress } from '../../net/address.ts';
import { parsePrefix } from '../../net/prefix.ts';

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
  test(`a younger Node with any name does not get ${range} for its pods and keeps its valid range`, () => {
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

test("this node's own range is subject to the same rules", () => {
  const found = check({ n1: { ranges: ['10.77.0.0/25'], addresses: ['10.77.0.11'] } }, { host });
  assert.deepEqual(told(found), [
    'n1: spec.podCIDRs: 10.77.0.0/25 holds 10.77.0.11, an address of this node (eth0): this range is not used',
  ]);
  assert.equal(found.nodes[0]?.lostRanges, true);
});

test('with podCidrs, a range outside it is refused and a public one inside it is not', () => {
  const nodes = { n1: { ranges: ['10.78.1.0/24'] }, n2: { ranges: ['8.8.8.0/24'] } };
  assert.deepEqual(told(check(nodes, { podCidrs: ['8.8.0.0/16'] })), [
    'n1: spec.podCIDRs: 10.78.1.0/24 is not in podCidrs (8.8.0.0/16): this range is not used',
  ]);
  assert.deepEqual(told(check({ n2: { ranges: ['8.8.8.0/24'] } })), []);
});

test('if podCidrs covers a metadata service, a range may contain it unless it is little more than that', () => {
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

test('public IPv6 ranges are accepted if no older Node has private ones, independent of IPv4', () => {
  const ranges = ['10.78.1.0/24', '2600:1f00::/80'];
  assert.deepEqual(told(check({ a: { ranges } })), []);
  const later = { a: { ranges }, b: { ranges: ['10.78.2.0/24', 'fd00:78:2::/64'] } };
  assert.deepEqual(told(check(later)), []);
});

test('a range that contains an address of an older Service is refused; for a younger or external one it is reported', () => {
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
    "a: spec.podCIDRs: 10.97.0.0/24 holds 10.97.0.10, an address of Service shop/late: packets to that address may reach this Node's pods instead",
    "a: spec.podCIDRs: 10.98.0.0/24 holds 10.98.0.10, an address of Service shop/tenant: packets to that address may reach this Node's pods instead",
  ]);
});

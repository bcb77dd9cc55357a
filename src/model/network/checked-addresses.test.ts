import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkClaims as check, host, old, told } from '../../../test/support/claiming-nodes.ts';
import { parsePrefix } from '../../net/prefix.ts';

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
  ['10.77.0.255', 'is not a host address in a network that this node is connected to'],
  ['10.77.0.0', 'is not a host address in a network that this node is connected to'],
];

for (const [address, why] of refusedAddresses) {
  test(`a younger Node does not get ${address} as its own and keeps its valid address`, () => {
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

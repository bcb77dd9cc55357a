import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InputError } from '../base/input-error.ts';
import { parseAddress } from '../net/address.ts';
import { generatedNodes, type LabNode, planFabrics } from './nodes.ts';

function node(name: string, ...addresses: string[]): LabNode {
  return { name, addresses: addresses.map((text) => parseAddress(text)), podCidrs: [] };
}

test('generated nodes are dual stack and do not overlap', () => {
  const nodes = generatedNodes(2);
  assert.deepEqual(nodes[1], {
    name: 'node-2',
    addresses: ['10.200.0.12', 'fd00:200::12'],
    podCidrs: ['10.201.2.0/24', 'fd00:201:2::/64'],
  });
  assert.equal(new Set(generatedNodes(16).flatMap(({ podCidrs }) => podCidrs)).size, 32);
});

test('a lab has at least one node and at most sixteen', () => {
  for (const count of [0, 17, 1.5]) assert.throws(() => generatedNodes(count), InputError);
});

test('the switch takes the first address that no node has', () => {
  const fabrics = planFabrics([
    node('a', '192.0.2.1', '2001:db8::5'),
    node('b', '192.0.2.2', '2001:db8::6'),
  ]);
  assert.deepEqual(fabrics, [
    { prefix: '192.0.2.0/24', gateway: '192.0.2.254' },
    { prefix: '2001:db8::/64', gateway: '2001:db8::1' },
  ]);
});

test('nodes without IPv6 get a switch without IPv6', () => {
  assert.equal(planFabrics([node('a', '192.0.2.10')]).length, 1);
});

test('nodes in different networks are refused with the address that does not fit', () => {
  assert.throws(
    () => planFabrics([node('a', '192.0.2.10'), node('b', '198.51.100.10')]),
    /198\.51\.100\.10 is not in 192\.0\.2\.0\/24/,
  );
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../net/address.ts';
import { parsePrefix } from '../net/prefix.ts';
import { nodeNames } from './node-names.ts';

function node(name: string, ranges: readonly string[]) {
  const podCidrs = ranges.map((text) => parsePrefix(text));
  const addresses = ['192.0.2.1', '8.8.8.8'].map((text) => parseAddress(text));
  return { name, podCidrs, addresses, unverified: addresses.slice(1) };
}

test('an address has the name of its longest range, for all prefix lengths', () => {
  const lengths = Array.from({ length: 60 }, (_, index) => index + 40);
  const ranges = lengths.map((length) => `fd00:${length.toString(16)}::/${length}`);
  const nodes = new Map(
    [
      node('n1', ['10.0.0.0/8', 'fd00:28::/32']),
      node('n2', ['10.0.1.0/24', ...ranges]),
      node('n3', ['10.0.1.128/25']),
    ].map((each) => [each.name, each]),
  );
  const { byRange, addresses } = nodeNames(nodes);
  for (const [address, name] of [
    ['10.0.1.7', 'n2'],
    ['10.0.1.200', 'n3'],
    ['10.0.2.7', 'n1'],
    ['11.0.0.0', undefined],
    ['fd00:28::1', 'n2'],
    ['fd00:28:ffff::1', 'n1'],
    ['fd00:29::1', 'n2'],
    ['fd01::', undefined],
  ] as const) {
    assert.equal(byRange(parseAddress(address)), name, address);
  }
  assert.deepEqual([...addresses.keys()], ['192.0.2.1'], 'verified ones alone');
});

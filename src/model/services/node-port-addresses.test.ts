import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { nodePortAddresses, nodePortProblems } from './node-port-addresses.ts';

const all = ['192.0.2.1', '198.51.100.1', '2001:db8::1', '2001:db8:1::1'];
const hostAddresses = all.map((text) => parseAddress(text));
const ofNode = ['203.0.113.9', '198.51.100.1', '2001:db8:1::1', '2001:db8::1'].map((text) =>
  parseAddress(text),
);

type Row = readonly [
  what: string,
  chosen: 'primary' | readonly string[] | undefined,
  expected?: readonly string[],
];

const rows: readonly Row[] = [
  ['all addresses by default', undefined],
  ['addresses in a range', ['192.0.2.0/24'], ['192.0.2.1']],
  ['of both families', ['198.51.100.1/32', '2001:db8::/48'], ['198.51.100.1', '2001:db8::1']],
  ['none of a family that no range is of', ['::/0'], ['2001:db8::1', '2001:db8:1::1']],
  // 203.0.113.9, the first IPv4 address, is at no interface.
  ["the Node's first address of each family", 'primary', ['2001:db8:1::1']],
  ['none', ['233.252.0.0/24'], []],
];

for (const [what, chosen, expected] of rows)
  test(`node ports answer at ${what}`, () => {
    const config = {
      nodePortAddresses:
        chosen === undefined || chosen === 'primary'
          ? chosen
          : chosen.map((text) => parsePrefix(text)),
    };
    const found = nodePortAddresses(config, { hostAddresses, ofNode });
    assert.deepEqual(found, expected);
    assert.equal(nodePortProblems(config, found).length, expected?.length === 0 ? 1 : 0);
  });

test('ranges without an address of the node are named', () => {
  const config = { nodePortAddresses: [parsePrefix('233.252.0.0/24')] };
  assert.deepEqual(nodePortProblems(config, []), [
    {
      object: 'services.nodePortAddresses',
      text: '233.252.0.0/24: this node has no address in these ranges, so node ports answer nowhere',
    },
  ]);
});

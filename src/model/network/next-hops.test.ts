import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parseMac } from '../../net/mac.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { NextHop } from '../desired.ts';
import { nothingHeld } from '../held-claims.ts';
import type { HostFacts, Uplink } from '../host.ts';
import { nextHops } from './next-hops.ts';
import { routingContext } from './routing-context.ts';

function uplink(
  ifIndex: number,
  addresses: readonly string[],
  fields: Partial<Uplink> = {},
): Uplink {
  return {
    ifIndex: ifIndex as IfIndex,
    name: `eth${ifIndex - 2}`,
    mtuBytes: 1500,
    mac: parseMac('02:00:5e:10:00:01'),
    addresses: addresses.map((text) => {
      const [address = '', length] = text.split('/');
      return { address: parseAddress(address), prefixLength: Number(length) };
    }),
    ...fields,
  };
}

function node(name: string, addresses: readonly string[]): CheckedNode {
  return { name, addresses: addresses.map((text) => parseAddress(text)), podCidrs: [] };
}

const eth0 = uplink(2, ['198.51.100.1/24', '2001:db8:ffff::1/64', 'fe80::1/64']);
const own = node('node-1', ['198.51.100.1', '2001:db8:ffff::1']);
const other = node('node-2', ['198.51.100.2', '2001:db8:ffff::2']);

function hops(host: HostFacts, nodes: readonly CheckedNode[]): readonly NextHop[] {
  const owners = { nodes, owners: new Map(), held: nothingHeld, problems: [] };
  const context = routingContext('native', host, nodes[0]);
  return nextHops('node-1', owners, { host, context });
}

function told(uplinks: readonly Uplink[], nodes: readonly CheckedNode[]): readonly string[] {
  return hops({ uplinks }, [own, ...nodes]).map(
    ({ address, ifIndex }) => `${address} by ${ifIndex}`,
  );
}

interface Row {
  readonly what: string;
  readonly uplinks?: readonly Uplink[];
  readonly nodes?: readonly CheckedNode[];
  readonly hops: readonly string[];
}

const rows: readonly Row[] = [
  {
    what: 'a node on the network, by both families',
    nodes: [other],
    hops: ['198.51.100.2 by 2', '2001:db8:ffff::2 by 2'],
  },
  {
    what: 'of each family only the address that ways lead by, however many a node claims',
    nodes: [node('node-2', ['198.51.100.2', '198.51.100.3', '198.51.100.4'])],
    hops: ['198.51.100.2 by 2'],
  },
  {
    what: 'not a node elsewhere, but the routers that lead there, link-local ones too',
    uplinks: [{ ...eth0, gateways: [parseAddress('198.51.100.254'), parseAddress('fe80::fe')] }],
    nodes: [node('node-2', ['203.0.113.2'])],
    hops: ['198.51.100.254 by 2', 'fe80::fe by 2'],
  },
  {
    what: 'a router that is a node as well, once',
    uplinks: [{ ...eth0, gateways: [parseAddress('198.51.100.2')] }],
    nodes: [other],
    hops: ['198.51.100.2 by 2', '2001:db8:ffff::2 by 2'],
  },
  {
    what: "not this node's own address, whoever claims it",
    nodes: [node('node-2', ['198.51.100.1'])],
    hops: [],
  },
  {
    what: 'by every uplink in the closest network, not by those in a wider one',
    uplinks: [uplink(4, ['198.51.0.9/16']), eth0, uplink(3, ['198.51.100.9/24'])],
    nodes: [node('node-2', ['198.51.100.2'])],
    hops: ['198.51.100.2 by 2', '198.51.100.2 by 3'],
  },
  {
    what: 'none by an uplink without Ethernet, which asks for no MAC',
    uplinks: [{ ...eth0, mac: undefined, gateways: [parseAddress('198.51.100.254')] }],
    nodes: [other],
    hops: [],
  },
  { what: 'none without uplinks', uplinks: [], nodes: [other], hops: [] },
];

for (const { what, uplinks = [eth0], nodes = [], hops: expected } of rows) {
  test(`next hops: ${what}`, () => assert.deepEqual(told(uplinks, nodes), expected));
}

test('a new node leaves the next hops of the others the same objects', () => {
  const host: HostFacts = { uplinks: [{ ...eth0, gateways: [parseAddress('198.51.100.254')] }] };
  const before = hops(host, [own, other]);
  const after = hops(host, [own, other, node('node-3', ['198.51.100.3'])]);
  assert.equal(after.length, before.length + 1);
  for (const [index, hop] of before.entries()) assert.equal(after[index], hop);
});

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAddress } from '../../net/address.ts';
import { parsePrefix } from '../../net/prefix.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { ModelConfig } from '../desired.ts';
import { nothingHeld } from '../held-claims.ts';
import { checkNodes } from './checked-nodes.ts';
import { OccupiedRanges } from './occupied.ts';
import type { RangeOwners } from './pod-ranges.ts';
import { remoteNodes } from './remote-nodes.ts';
import type { RoutingContext } from './routing-context.ts';
import { FollowedServices } from './service-addresses.ts';

const config: ModelConfig = {
  ...{ nodeName: 'node-1', mode: 'vxlan', masquerade: true, nonMasqueradeCidrs: [], podCidrs: [] },
  vxlan: { port: 4789, vni: 1 },
};

function node(
  name: string,
  addresses: readonly string[],
  podCidrs: readonly string[],
): CheckedNode {
  return {
    name,
    addresses: addresses.map((address) => parseAddress(address)),
    podCidrs: podCidrs.map((prefix) => parsePrefix(prefix)),
  };
}

function owners(nodes: readonly CheckedNode[]): RangeOwners {
  const all = nodes.flatMap(({ name, podCidrs }) =>
    podCidrs.map((range) => [range, name] as const),
  );
  return { nodes, owners: new Map(all), held: nothingHeld, problems: [] };
}

const context: RoutingContext = {
  ...{ mode: 'vxlan', underlay: 4, networks: [], nodeAddresses: [] },
  ownAddresses: [parseAddress('203.0.113.1')],
};

const first = node('node-1', ['203.0.113.1'], ['192.0.2.0/26']);
const second = node('node-2', ['203.0.113.2', '2001:db8::2', '203.0.113.22'], ['192.0.2.64/26']);
const third = node('node-3', ['2001:db8::3'], []);

function told(nodes: readonly CheckedNode[]): readonly string[] {
  return remoteNodes(config, owners(nodes), context).map(
    (each) => `${each.node} ${each.address} ${each.tunnelEndpoint ?? 'none'}`,
  );
}

test('every address of every other node is listed, with the source of its tunnel packets', () => {
  assert.deepEqual(told([first, second, third]), [
    'node-2 203.0.113.2 203.0.113.2',
    'node-2 2001:db8::2 203.0.113.2',
    'node-2 203.0.113.22 203.0.113.2',
    'node-3 2001:db8::3 none',
  ]);
});

test('mode native has no tunnels', () => {
  assert.deepEqual(remoteNodes({ ...config, mode: 'native' }, owners([second]), context), []);
});

test("an address of this node, or in a pod range, is never another node's", () => {
  const hostile = node('zz', ['203.0.113.66', '203.0.113.1', '192.0.2.2', '192.0.2.70'], []);
  const nodes = new Map([first, second, hostile].map((each) => [each.name, each]));
  const services = new FollowedServices().follow(new Map(), nodes);
  const host = { uplinks: [] };
  const occupied = new OccupiedRanges().flawOf(host);
  const checked = checkNodes({ config, nodes, services, host, occupied });
  const found = remoteNodes(config, checked, context).filter((each) => each.node === 'zz');
  assert.deepEqual(
    found.map((each) => each.address),
    ['203.0.113.66'],
  );
});

test('an unverified address is no tunnel source, but is kept', () => {
  const third = { ...second, unverified: [parseAddress('203.0.113.22')] };
  assert.deepEqual(told([first, third]), [
    'node-2 203.0.113.2 203.0.113.2',
    'node-2 2001:db8::2 203.0.113.2',
    'node-2 203.0.113.22 none',
  ]);
});

test('the remote end of a tunnel is its own source, even if other Nodes claim it', () => {
  const hostile = node('evil', ['203.0.113.66', '203.0.113.2'], []);
  assert.ok(told([hostile, second]).includes('evil 203.0.113.2 203.0.113.2'));
});

test('unchanged entries are the same objects', () => {
  const before = remoteNodes(config, owners([second, third]), context);
  const after = remoteNodes(config, owners([first, second, third]), context);
  assert.equal(
    after.find(({ node: name }) => name === 'node-2'),
    before[0],
  );
});

test('a thousand nodes with two addresses each have two thousand entries', () => {
  const many = Array.from({ length: 1000 }, (_, index) => {
    const [high, low] = [index >> 8, index & 255];
    return node(
      `n${index}`,
      [`198.18.${high}.${low}`, `2001:db8::${high}:${low}`],
      [`10.${high + 1}.${low}.0/24`],
    );
  });
  assert.equal(remoteNodes(config, owners(many), context).length, 2000);
});

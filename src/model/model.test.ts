// Behaviour that scenarios (test/scenarios) cannot show: unchanged values keep their references.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeDesired, endpointCollection } from '../../test/support/compute-desired.ts';
import { KeyedCollection } from '../base/collections/collection.ts';
import type { ClusterNode } from '../cluster/objects.ts';
import { emptyClusterState } from '../cluster/state.ts';
import { parseAddress } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import { parseMac } from '../net/mac.ts';
import { parsePrefix } from '../net/prefix.ts';
import type { DesiredState, ModelConfig } from './desired.ts';
import type { LocalEndpoint } from './endpoint.ts';
import type { HostFacts } from './host.ts';
import { Model } from './model.ts';

const config: ModelConfig = {
  nodeName: 'node-1',
  mode: 'native',
  masquerade: true,
  nonMasqueradeCidrs: [],
  vxlan: { port: 4789, vni: 1 },
};

const host: HostFacts = {
  uplinks: [
    {
      ifIndex: 2 as IfIndex,
      name: 'eth0',
      mtuBytes: 1500,
      addresses: [{ address: parseAddress('198.51.100.1'), prefixLength: 24 }],
    },
  ],
};

function node(index: number): ClusterNode {
  return {
    name: `node-${index}`,
    labels: {},
    annotations: {},
    podCidrs: [parsePrefix(`192.0.2.${index * 16}/28`)],
    addresses: [parseAddress(`198.51.100.${index}`)],
  };
}

/** From one state to the next by one model, as an agent does. */
function following(): (nodes: readonly ClusterNode[], seen?: HostFacts) => DesiredState {
  const model = new Model(config);
  const endpoints = endpointCollection([]);
  return (nodes, seen = host) => {
    const byName = new Map(nodes.map((each) => [each.name, each]));
    return model.compute({
      cluster: { ...emptyClusterState, nodes: byName },
      endpoints,
      host: seen,
    });
  };
}

test('a change of endpoints alone changes nothing else', () => {
  const nodes = new Map([node(1), node(2)].map((each) => [each.name, each]));
  const cluster = { ...emptyClusterState, nodes };
  const model = new Model(config);
  const endpoints = new KeyedCollection<string, LocalEndpoint>();
  const before = model.compute({ cluster, endpoints, host });
  endpoints.set('hd1', podOfOwnRange);
  const after = model.compute({ cluster: { ...cluster }, endpoints, host });
  for (const [field, value] of Object.entries(before)) {
    if (field !== 'endpoints') assert.equal(Reflect.get(after, field), value, field);
  }
});

test('a change of one node keeps the paths to the others', () => {
  const [one, two, three] = [node(1), node(2), node(3)];
  const desired = following();
  const before = desired([one, two, three]);
  const moved = { ...node(3), addresses: [parseAddress('198.51.100.33')] };
  const after = desired([one, two, moved]);
  assert.equal(after.remoteRanges[0], before.remoteRanges[0]);
  assert.notDeepEqual(after.remoteRanges[1], before.remoteRanges[1]);
});

test('a changed node label triggers no recomputation', () => {
  const [one, two, three] = [node(1), node(2), node(3)];
  const desired = following();
  const before = desired([one, two, three]);
  const after = desired([one, two, { ...node(3), labels: { zone: 'b' } }]);
  assert.equal(after.remoteRanges, before.remoteRanges);
});

test('two models in one process share nothing', () => {
  const [one, other] = [following(), following()];
  const first = one([node(1), node(2)]);
  const second = other([node(1), node(3)]);
  assert.equal(one([node(1), node(2)]).remoteRanges, first.remoteRanges);
  assert.equal(other([node(1), node(3)]).remoteRanges, second.remoteRanges);
});

test('a Node with the address of a gateway does not affect masquerading', () => {
  const nodes = new Map([node(1), node(2), node(9)].map((each) => [each.name, each]));
  const cluster = { ...emptyClusterState, nodes };
  const gateway = {
    kind: 'gateway',
    prefix: parsePrefix('198.51.100.9/32'),
    ifName: 'eth0',
  } as const;
  const before = computeDesired({ config, cluster, endpoints: [], host });
  const after = computeDesired({
    config,
    cluster,
    endpoints: [],
    host: { ...host, occupied: [gateway] },
  });
  assert.ok(before.masquerade?.exempt.includes(gateway.prefix));
  assert.ok(!after.masquerade?.exempt.includes(gateway.prefix));
  assert.ok(after.masquerade?.exempt.includes(parsePrefix('198.51.100.2/32')));
});

test('a Node with the address of the API server exempts it from masquerading only if it is older than this node', () => {
  const server = parsePrefix('198.51.100.9/32');
  const occupied = [{ kind: 'api server', prefix: server }] as const;
  const own = { ...node(1), createdAt: 5 };
  const desired = following();
  for (const [createdAt, isExempt] of [
    [4, true],
    [6, false],
    [undefined, false],
  ] as const) {
    const nodes = [own, { ...node(9), ...(createdAt === undefined ? {} : { createdAt }) }];
    const { masquerade } = desired(nodes, { ...host, occupied });
    assert.equal(masquerade?.exempt.includes(server), isExempt, String(createdAt));
    assert.ok(masquerade?.exempt.includes(parsePrefix('192.0.2.144/28')), 'its pods are');
    assert.ok(desired(nodes).masquerade?.exempt.includes(server));
  }
});

test("of a Node's addresses, the first neighbour of each family is exempt from masquerading", () => {
  const [ipv4, ipv6] = [parseAddress('198.51.100.1'), parseAddress('2001:db8::1')];
  const addresses = [
    { address: ipv4, prefixLength: 24 },
    { address: ipv6, prefixLength: 64 },
  ];
  const uplinks = host.uplinks.map((uplink) => ({ ...uplink, addresses }));
  const many = ['203.0.113.7', '198.51.100.7', '198.51.100.8', '2001:db8::7', '2001:db8::8'];
  const other = { ...node(2), addresses: many.map((text) => parseAddress(text)) };
  const { masquerade } = following()([node(1), other], { ...host, uplinks });
  assert.deepEqual(masquerade?.exempt, [
    '192.0.2.16/28',
    '192.0.2.32/28',
    '198.51.100.1/32',
    '198.51.100.7/32',
    '2001:db8::7/128',
  ]);
});

const podOfOwnRange: LocalEndpoint = {
  id: 1 as LocalEndpoint['id'],
  containerId: 'a1b2c3',
  ifName: 'eth0',
  namespacePath: '/run/netns/web-1',
  createdAt: '2026-03-01T12:00:00Z',
  hostIfIndex: 7 as IfIndex,
  hostIfName: 'hd00000000001',
  mac: parseMac('02:00:5e:10:00:01'),
  addresses: [parseAddress('192.0.2.18')],
  mtuBytes: 1500,
  pod: { namespace: 'shop', name: 'web-1' },
};

function withForeignAddress(text: string, ownNode: ClusterNode): readonly string[] {
  const nodes = new Map([ownNode, node(2)].map((each) => [each.name, each]));
  const cluster = { ...emptyClusterState, nodes };
  const uplink = host.uplinks.flatMap(({ addresses, name }) =>
    addresses.map((each) => ({ ...each, ifName: name, leadsNowhere: false })),
  );
  const d0 = { address: parseAddress(text), prefixLength: 28, ifName: 'd0', leadsNowhere: false };
  const { problems } = computeDesired({
    ...{ config, cluster, endpoints: [podOfOwnRange] },
    host: { ...host, addresses: [...uplink, d0] },
  });
  return problems.map((problem) => problem.text);
}

test("for a foreign address in this node's range, the remedy is to remove it, not to delete pods", () => {
  const dual = { ...node(1), podCidrs: [...node(1).podCidrs, parsePrefix('2001:db8:1::/64')] };
  assert.deepEqual(withForeignAddress('192.0.2.17', dual), [
    'spec.podCIDRs: 192.0.2.16/28 holds 192.0.2.17, an address of this node (d0): this range is not used until that address is removed from d0 (ip address delete)',
  ]);
});

test('the address by which the Node is reached is never suggested for removal', () => {
  const inside = { ...node(1), addresses: [parseAddress('192.0.2.17')] };
  const [text = ''] = withForeignAddress('192.0.2.17', inside);
  assert.match(text, /^spec\.podCIDRs: .* an address of this node \(d0\): this range is not used$/);
});

test('a kernel without the `socket` expression is a problem', () => {
  const dual = { ...node(1), podCidrs: [...node(1).podCidrs, parsePrefix('2001:db8:1::/64')] };
  const cluster = {
    ...emptyClusterState,
    nodes: new Map([dual, node(2)].map((each) => [each.name, each])),
  };
  const desired = (matchesSockets: boolean) =>
    computeDesired({ config: { ...config, matchesSockets }, cluster, endpoints: [], host });
  const { podSources, problems } = desired(false);
  assert.deepEqual(podSources, ['192.0.2.16/28', '192.0.2.32/28', '2001:db8:1::/64']);
  assert.deepEqual(desired(true).podSources, podSources);
  assert.deepEqual(desired(true).problems, []);
  assert.deepEqual(
    problems.map(({ object }) => object),
    ['nftables'],
  );
});

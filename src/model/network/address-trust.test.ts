import assert from 'node:assert/strict';
import { test } from 'node:test';
import { computeDesired } from '../../../test/support/compute-desired.ts';
import type { ClusterNode, ClusterService } from '../../cluster/objects.ts';
import { emptyClusterState } from '../../cluster/state.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { parsePrefix } from '../../net/prefix.ts';
import { nodeNames } from '../../observe/node-names.ts';
import type { DesiredState, RoutingMode } from '../desired.ts';
import type { HostFacts } from '../host.ts';

const host: HostFacts = {
  uplinks: [
    uplink(2, 'eth0', ['10.77.0.11/24', 'fd00:77::11/64']),
    uplink(3, 'eth1', ['192.168.5.11/24']),
  ],
  occupied: [
    { kind: 'api server', prefix: parsePrefix('10.66.0.1/32') },
    { kind: 'api server', prefix: parsePrefix('10.77.0.53/32') },
    { kind: 'gateway', prefix: parsePrefix('10.77.0.1/32'), ifName: 'eth0' },
  ],
};

function uplink(ifIndex: number, name: string, addresses: readonly string[]) {
  const all = addresses.map((text) => {
    const [address = '', length = ''] = text.split('/');
    return { address: parseAddress(address), prefixLength: Number(length) };
  });
  return { ifIndex: ifIndex as IfIndex, name, mtuBytes: 1500, addresses: all };
}

function node(name: string, createdAt: number, addresses: readonly string[]): ClusterNode {
  return {
    ...{ name, uid: name, createdAt, labels: {}, annotations: {} },
    podCidrs: [parsePrefix(`10.78.${name.charAt(1)}.0/24`)],
    addresses: addresses.map((text) => parseAddress(text)),
  };
}

function service(name: string, createdAt: number, address: string): ClusterService {
  return {
    ...{ namespace: 'shop', name, createdAt, labels: {}, annotations: {} },
    ...{ type: 'ClusterIP', ports: [], externalAddresses: [] },
    clusterAddresses: [parseAddress(address)],
  };
}

const services = new Map(
  [service('dns', 1, '10.96.0.10'), service('late', 90, '10.96.0.99')].map((each) => [
    `shop/${each.name}`,
    each,
  ]),
);

function desired(mode: RoutingMode, third: ClusterNode): DesiredState {
  const nodes = [
    node('n1', 5, ['10.77.0.11', 'fd00:77::11']),
    node('n2', 6, ['10.77.0.12', 'fd00:77::12']),
    third,
  ];
  const cluster = {
    ...emptyClusterState,
    services,
    nodes: new Map(nodes.map((each) => [each.name, each])),
  };
  const vxlan = { port: 4789, vni: 1 };
  const config = { nodeName: 'n1', mode, masquerade: true, nonMasqueradeCidrs: [], vxlan };
  return computeDesired({ config, cluster, endpoints: [], host });
}

interface Outcome {
  /** Not used. */
  readonly refused?: readonly string[];
  readonly unverified?: readonly string[];
}

const younger = 7;
const older = 1;

const cases: readonly (readonly [string, number, readonly string[], Outcome])[] = [
  ['two networks and both families of this node', younger, ['192.168.5.13', 'fd00:77::13'], {}],
  ['the cluster address of a Service', younger, ['10.96.0.10'], { refused: ['10.96.0.10'] }],
  ['that of a younger Service', younger, ['10.96.0.99'], { refused: ['10.96.0.99'] }],
  [
    'the API server, a name server and a gateway',
    younger,
    ['10.66.0.1', '10.77.0.53', '10.77.0.1'],
    { refused: ['10.66.0.1', '10.77.0.53', '10.77.0.1'] },
  ],
  [
    'those, of a Node that was there before',
    older,
    ['10.66.0.1', '10.77.0.53', '10.77.0.1'],
    { unverified: ['10.66.0.1', '10.77.0.53', '10.77.0.1'] },
  ],
  [
    'addresses of the Internet',
    older,
    ['8.8.8.8', '2606:4700:4700::1111'],
    { unverified: ['8.8.8.8', '2606:4700:4700::1111'] },
  ],
];

for (const mode of ['native', 'vxlan'] as const) {
  for (const [what, createdAt, claims, outcome] of cases) {
    test(`mode ${mode}: a Node that adds ${what} is trusted only for its own address`, () => {
      const found = desired(mode, node('n3', createdAt, ['10.77.0.13', ...claims]));
      const { refused = [], unverified = [] } = outcome;
      const all = ['10.77.0.13', ...claims];
      const used = all.filter((address) => !refused.includes(address));
      assert.deepEqual(found.nodes.get('n3')?.addresses, used);
      assert.deepEqual(found.nodes.get('n3')?.unverified ?? [], unverified);
      assert.equal(found.problems.length, refused.length);
      const verified = used.filter((address) => !unverified.includes(address));
      const named = nodeNames(found.nodes).addresses;
      for (const address of all) {
        const isNamed = named.get(parseAddress(address)) === 'n3';
        assert.equal(isNamed, verified.includes(address), address);
      }
      if (mode === 'native') return;
      const senders = found.remoteNodes.filter(({ tunnelEndpoint }) => tunnelEndpoint);
      const ofThird = (list: DesiredState['remoteNodes']): readonly string[] =>
        list.filter((each) => each.node === 'n3').map(({ address }) => address);
      assert.deepEqual(ofThird(senders), verified);
      // Pods must not send to the tunnel's port at any of them.
      assert.deepEqual(ofThird(found.remoteNodes), used);
      const { peers = [], unverified: others = [] } = found.tunnelEnds ?? {};
      for (const address of all) {
        assert.equal(peers.includes(parseAddress(address)), verified.includes(address), address);
        assert.equal(others.includes(parseAddress(address)), unverified.includes(address));
      }
    });
  }
}

// Otherwise a Node that is reached by a false address would vouch for it from the true one.
for (const first of ['8.8.8.8', '10.77.0.53', '10.77.0.1', '10.96.0.99']) {
  test(`a Node that puts ${first} first has no other source address`, () => {
    const found = desired('vxlan', node('n3', younger, [first, '10.77.0.13', 'fd00:77::13']));
    assert.deepEqual(found.problems, []);
    assert.deepEqual(found.nodes.get('n3')?.unverified, ['10.77.0.13', 'fd00:77::13']);
    const senders = found.remoteNodes.filter(
      (each) => each.node === 'n3' && each.tunnelEndpoint !== undefined,
    );
    assert.deepEqual(senders, [{ node: 'n3', address: first, tunnelEndpoint: first }]);
  });
}

for (const address of ['10.66.0.1', '10.77.0.53', '10.77.0.1']) {
  test(`a Node whose own address is ${address} is reached by it, however young`, () => {
    for (const mode of ['native', 'vxlan'] as const) {
      // Native routing reaches only neighbours.
      if (mode === 'native' && address === '10.66.0.1') continue;
      const found = desired(mode, node('n3', younger, [address]));
      assert.deepEqual(found.nodes.get('n3')?.addresses, [address]);
      assert.equal(found.nodes.get('n3')?.unverified, undefined);
      assert.equal(found.remoteRanges.filter((range) => range.node === 'n3').length, 1);
    }
  });
}

test("the first address of a Node is not an older Service's", () => {
  const found = desired('vxlan', node('n3', younger, ['10.96.0.10', '10.77.0.13']));
  assert.deepEqual(found.nodes.get('n3')?.addresses, ['10.77.0.13']);
});

test('a Node that loses no address is the same object', () => {
  const third = node('n3', younger, ['10.77.0.13', '192.168.5.13']);
  assert.equal(desired('vxlan', third).nodes.get('n3'), third);
});

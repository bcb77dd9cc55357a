import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOf, serviceOf, sliceOf } from '../../../test/support/service-objects.ts';
import type { ClusterService } from '../../cluster/objects.ts';
import { emptyClusterState } from '../../cluster/state.ts';
import { ServicesModel } from '../../model/services/services.ts';
import { parseAddress } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { parsePrefix } from '../../net/prefix.ts';
import type { AgentParts } from '../parts.ts';
import { serviceLook } from '../services/seen.ts';
import { explainService } from './service-explanation.ts';
import { serviceSummaries, serviceViews } from './services.ts';

const web = serviceOf('web', {
  ...{ type: 'LoadBalancer', externalPolicy: 'Local', affinitySeconds: 600 },
  loadBalancerAddresses: [{ address: parseAddress('203.0.113.1') }],
  externalAddresses: [parseAddress('203.0.113.1'), parseAddress('10.77.0.12')],
  sourceRanges: [parsePrefix('198.51.100.0/24'), parsePrefix('10.78.1.0/24')],
  ports: [
    {
      name: 'http',
      protocol: 'TCP',
      port: 80 as Port,
      targetPort: 'http',
      nodePort: 30_080 as Port,
    },
  ],
});
const slice = sliceOf(
  'web-a',
  [
    endpointOf('10.78.1.2', { node: 'n1', zone: 'z1' }),
    endpointOf('10.78.2.2', { node: 'n2' }),
    endpointOf('10.78.2.3', { node: 'n2', ready: false, terminating: true }),
    endpointOf('10.78.2.4', { node: 'n2', ready: false, serving: false }),
  ],
  { ports: [{ name: 'http', protocol: 'TCP', port: 8080 as Port }] },
);

function partsWith(service: ClusterService): AgentParts {
  const node = (name: string, end: number) => {
    const ranges = { podCidrs: [parsePrefix(`10.78.${end - 10}.0/24`)] };
    return { name, ...ranges, addresses: [parseAddress(`10.77.0.${end}`)] };
  };
  const nodes = new Map([11, 12].map((end) => [`n${end - 10}`, node(`n${end - 10}`, end)]));
  const state = {
    ...emptyClusterState,
    services: new Map([['shop/web', service]]),
    endpointSlices: new Map([['shop/web-a', slice]]),
  };
  const pod = { namespace: 'shop', name: 'client' };
  const known = {
    config: { node: 'n1' },
    seeServices: serviceLook(new ServicesModel('n1'), {
      ...{ cluster: () => state, nodes: () => nodes, occupied: () => undefined },
      own: () => nodes.get('n1')?.addresses ?? [],
      nodePorts: () => nodes.get('n1')?.addresses ?? [],
    }),
    pods: { endpoints: () => [{ pod, addresses: [parseAddress('10.78.1.9')] }] },
    network: { snapshot: { state }, desired: { nodes }, host: { uplinks: [] } },
  };
  return known as unknown as AgentParts;
}

const parts = partsWith(web);

test('a list has one line per Service, and names what it claims and does not get', () => {
  assert.deepEqual(JSON.parse(JSON.stringify(serviceSummaries(parts.seeServices(), 'heddle'))), [
    {
      translatedBy: 'heddle',
      ...{ name: 'shop/web', type: 'LoadBalancer', clusterAddresses: ['10.96.0.1'] },
      otherAddresses: ['203.0.113.1', '10.77.0.12'],
      ports: [{ name: 'http', port: 80, protocol: 'TCP', nodePort: 30_080 }],
      backends: { all: 4, ready: 2, serving: 1, local: 1 },
      problems: ['10.77.0.12 port 80/TCP is an address of n2'],
    },
  ]);
});

test('a Service is found by its name, with or without the namespace', () => {
  const names = (wanted: string) =>
    serviceViews(parts.seeServices(), wanted, 'heddle').map(({ name }) => name);
  assert.deepEqual(names('shop/web'), ['shop/web']);
  assert.deepEqual(names('web'), ['shop/web']);
  assert.deepEqual(names('other/web'), []);
});

test('a Service shows each frontend once, and why each backend is not used', () => {
  const [view] = serviceViews(parts.seeServices(), 'web', 'heddle');
  assert.deepEqual(
    view?.frontends.map(({ kind, address, port, problem }) => [kind, address, port, problem]),
    [
      ['cluster', '10.96.0.1', 80, undefined],
      ['load-balancer', '203.0.113.1', 80, undefined],
      ['external', '10.77.0.12', 80, 'is an address of n2'],
      ['node-port', undefined, 30_080, undefined],
    ],
  );
  const [port] = view?.ports ?? [];
  assert.equal(port?.outcome, 'every ready backend');
  assert.equal(port?.localOutcome, 'ready backends on this node');
  assert.deepEqual(
    port?.backends.map(({ address, state, unused }) => [address, state, unused]),
    [
      ['10.78.1.2', 'ready', undefined],
      ['10.78.2.2', 'ready', undefined],
      ['10.78.2.3', 'serving', 'terminating, and others are ready'],
      ['10.78.2.4', 'not ready', 'not ready'],
    ],
  );
});

const affinity = 'a client that came within 600 s gets its last backend (session affinity)';
const explained: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    ...(['shop/client', '10.96.0.1:80', 'backends'] as const),
    ['traffic policy Cluster', 'every ready backend', affinity],
  ],
  [
    ...(['node', '10.77.0.11:30080/tcp', 'backends'] as const),
    [
      'external traffic policy Local does not apply to clients on this node',
      'every ready backend',
      affinity,
    ],
  ],
  [
    ...(['198.51.100.9', '203.0.113.1:80', 'backends'] as const),
    ['traffic policy Local', 'ready backends on this node', affinity],
  ],
  [
    ...(['192.0.2.9', '203.0.113.1:80', 'dropped'] as const),
    ['the client is in none of the source ranges of the Service'],
  ],
  [
    ...(['shop/client', '10.96.0.1:80/udp', 'refused'] as const),
    ['it is a cluster address of Service shop/web, which has no such port'],
  ],
  [
    ...(['node', '10.77.0.12:80', 'no service'] as const),
    [
      'no Service has this address and port on this node',
      'Service shop/web: 10.77.0.12 is an address of n2',
    ],
  ],
];

for (const [from, to, outcome, reasons] of explained) {
  test(`${from} to ${to}: ${outcome}`, () => {
    const answer = explainService(parts, { from, to });
    assert.deepEqual([answer.outcome, answer.reasons], [outcome, reasons]);
    const used = answer.backends.filter(({ unused }) => unused === undefined);
    assert.equal(used.length > 0, outcome === 'backends');
  });
}

const refused: readonly (readonly [string, string, RegExp])[] = [
  ['shop/other', '10.96.0.1:80', /client: shop\/other is not a pod of this node/],
  ['shop/client', '[fd00::1]:80', /client: shop\/client has no IPv6 address/],
  ['node', '10.96.0.1', /destination: 10\.96\.0\.1 is not ADDRESS:PORT/],
  ['node', '10.96.0.1:80/icmp', /destination: .* is not ADDRESS:PORT/],
  ['node', '10.96.0.1:0', /destination: port: 0 is not a port/],
];

for (const [from, to, error] of refused) {
  test(`${from} to ${to} cannot be explained`, () => {
    assert.throws(() => explainService(parts, { from, to }), error);
  });
}

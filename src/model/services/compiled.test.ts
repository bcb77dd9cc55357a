import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endpointOf, serviceOf, sliceOf } from '../../../test/support/service-objects.ts';
import type { ClusterService, SliceEndpoint } from '../../cluster/objects.ts';
import type { Address } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { type CompiledService, compileService } from './compiled.ts';
import type { BackendSelection } from './selection.ts';

const place = { node: 'n1', zone: 'z1' };

/** `zone-hint: 10.1.0.1, 10.1.0.2`, or `refuse` */
function told(selection: BackendSelection | undefined): string | undefined {
  if (selection?.kind !== 'backends') return selection?.kind;
  return `${selection.rule}: ${selection.backends.map(({ address }) => address).join(', ')}`;
}

const here = { node: 'n1' };
const there = { node: 'n2' };
const ending = { ready: false, serving: true, terminating: true };
const ended = { ready: false, serving: false, terminating: true };
const unready = { ready: false, serving: false, terminating: false };
const z1 = { forZones: ['z1'] };
const z2 = { forZones: ['z2'] };
const n1 = { forNodes: ['n1'] };
const n2 = { forNodes: ['n2'] };

interface Case {
  readonly name: string;
  readonly endpoints: readonly Partial<SliceEndpoint>[];
  readonly inCluster: string;
  readonly local: string;
}

const cases: readonly Case[] = [
  { name: 'no endpoint at all', endpoints: [], inCluster: 'refuse', local: 'refuse' },
  {
    name: 'none that is usable',
    endpoints: [
      { ...here, ...unready },
      { ...here, ...ended },
    ],
    ...{ inCluster: 'refuse', local: 'refuse' },
  },
  {
    name: 'local and remote ones',
    endpoints: [there, here],
    ...{ inCluster: 'all: 10.1.0.2, 10.1.0.1', local: 'local: 10.1.0.2' },
  },
  {
    name: 'remote ones only',
    endpoints: [there, {}],
    ...{ inCluster: 'all: 10.1.0.1, 10.1.0.2', local: 'drop' },
  },
  {
    name: 'a local one that shuts down, and ready remote ones',
    endpoints: [{ ...here, ...ending }, there],
    ...{ inCluster: 'all: 10.1.0.2', local: 'local-serving: 10.1.0.1' },
  },
  {
    name: 'all shut down',
    endpoints: [
      { ...there, ...ending },
      { ...here, ...ended },
    ],
    ...{ inCluster: 'serving: 10.1.0.1', local: 'drop' },
  },
  {
    name: 'one is published although it shuts down',
    endpoints: [{ ...here, ready: true, terminating: true }],
    ...{ inCluster: 'all: 10.1.0.1', local: 'local: 10.1.0.1' },
  },
  {
    name: 'hints for zones',
    endpoints: [z1, z2],
    ...{ inCluster: 'zone-hint: 10.1.0.1', local: 'drop' },
  },
  {
    name: 'hints for zones, of which one is missing',
    endpoints: [z1, z2, {}],
    ...{ inCluster: 'all: 10.1.0.1, 10.1.0.2, 10.1.0.3', local: 'drop' },
  },
  {
    name: 'a hint is missing at an endpoint that is not ready',
    endpoints: [z1, z2, unready],
    ...{ inCluster: 'zone-hint: 10.1.0.1', local: 'drop' },
  },
  {
    name: 'hints for other zones only',
    endpoints: [z2, z2],
    ...{ inCluster: 'all: 10.1.0.1, 10.1.0.2', local: 'drop' },
  },
  {
    name: 'hints for zones do not count when nothing is ready',
    endpoints: [
      { ...z1, ...ending },
      { ...z2, ...ending },
    ],
    ...{ inCluster: 'serving: 10.1.0.1, 10.1.0.2', local: 'drop' },
  },
  {
    name: 'hints for nodes come before those for zones',
    endpoints: [
      { ...z1, ...n2 },
      { ...z2, ...n1 },
    ],
    ...{ inCluster: 'node-hint: 10.1.0.2', local: 'drop' },
  },
  {
    name: 'hints for other nodes only leave the zones',
    endpoints: [
      { ...z1, ...n2 },
      { ...z2, ...n2 },
    ],
    ...{ inCluster: 'zone-hint: 10.1.0.1', local: 'drop' },
  },
  {
    name: 'policy Local ignores hints',
    endpoints: [
      { ...here, ...z2 },
      { ...there, ...z1 },
    ],
    ...{ inCluster: 'zone-hint: 10.1.0.2', local: 'local: 10.1.0.1' },
  },
];

for (const { name, endpoints, inCluster, local } of cases) {
  test(`selection among: ${name}`, () => {
    const all = endpoints.map((fields, index) => endpointOf(`10.1.0.${index + 1}`, fields));
    const compiled = compileService(serviceOf('web'), [sliceOf('web-a', all)], place);
    const [port] = compiled?.ports ?? [];
    assert.deepEqual([told(port?.inCluster), told(port?.local)], [inCluster, local]);
  });
}

test('without a zone of the node, hints for zones do not count', () => {
  const slice = sliceOf('web-a', [endpointOf('10.1.0.1', z1), endpointOf('10.1.0.2', z2)]);
  const compiled = compileService(serviceOf('web'), [slice], { node: 'n1' });
  assert.equal(told(compiled?.ports[0]?.inCluster), 'all: 10.1.0.1, 10.1.0.2');
});

const two: Partial<ClusterService> = {
  clusterAddresses: ['10.96.0.1', 'fd00:96::1'] as Address[],
  ports: [
    { name: 'web', protocol: 'TCP', port: 80 as Port, targetPort: 'http' },
    { name: 'web', protocol: 'UDP', port: 80 as Port, targetPort: 'http' },
  ],
};

function backends(compiled: CompiledService | undefined): readonly string[] | undefined {
  return compiled?.ports.map(({ family, index, backends: all }) => {
    return `IPv${family} ${index}: ${all.map(({ address, port }) => `${address} ${port}`).join(', ')}`;
  });
}

test('slices belong to a port by name and protocol and to a family by type, with ports of their own', () => {
  const port = (number: number, protocol: 'TCP' | 'UDP' = 'TCP', name = 'web') => {
    return { name, protocol, port: number as Port };
  };
  const slices = [
    sliceOf('web-a', [endpointOf('10.1.0.1')], { ports: [port(8080), port(9090, 'UDP')] }),
    sliceOf('web-b', [endpointOf('10.1.0.2')], { ports: [port(8081), port(1, 'TCP', 'other')] }),
    sliceOf('web-c', [endpointOf('fd00::3')], { addressType: 'IPv6', ports: [port(8080)] }),
    sliceOf('web-d', [endpointOf('10.1.0.4')], { ports: [{ name: 'web', protocol: 'TCP' }] }),
  ];
  assert.deepEqual(backends(compileService(serviceOf('web', two), slices, place)), [
    'IPv4 0: 10.1.0.1 8080, 10.1.0.2 8081',
    'IPv4 1: 10.1.0.1 9090',
    'IPv6 0: fd00::3 8080',
    'IPv6 1: ',
  ]);
});

test('an endpoint in several slices counts once, in its most usable state, and is local if one says so', () => {
  const slices = [
    sliceOf('web-b', [endpointOf('10.1.0.1', z2), endpointOf('10.1.0.2', ended)]),
    sliceOf('web-a', [endpointOf('10.1.0.1', ending), endpointOf('10.1.0.2', ending)]),
    sliceOf('web-c', [endpointOf('10.1.0.1', { ...z1, ...here })]),
  ];
  const [port] = compileService(serviceOf('web'), slices, place)?.ports ?? [];
  assert.deepEqual(
    port?.backends.map(({ address, isLocal, endpoint: { ready, serving, forZones } }) => {
      return { address, isLocal, ready, serving, forZones };
    }),
    [
      { address: '10.1.0.1', isLocal: true, ready: true, serving: true, forZones: ['z2'] },
      { address: '10.1.0.2', isLocal: false, ready: false, serving: true, forZones: undefined },
    ],
  );
});

test('endpoints at addresses that lead nowhere are named and not used', () => {
  const slice = sliceOf('web-a', [endpointOf('127.0.0.1'), endpointOf('10.1.0.1')]);
  const compiled = compileService(serviceOf('web'), [slice], place);
  assert.deepEqual(backends(compiled), ['IPv4 0: 10.1.0.1 8080']);
  assert.deepEqual(compiled?.problems, ['endpoint 127.0.0.1 is unusable: loopback']);
});

test('a health check counts the ready endpoints here, whatever their ports and families', () => {
  const balanced: Partial<ClusterService> = {
    ...{ type: 'LoadBalancer', externalPolicy: 'Local', healthCheckPort: 32_000 as Port },
  };
  const slices = [
    sliceOf('web-a', [endpointOf('10.1.0.1', here), endpointOf('10.1.0.2', there)]),
    sliceOf('web-b', [endpointOf('10.1.0.3', { ...here, ...ending })]),
  ];
  const checkOf = (fields: Partial<ClusterService>) =>
    compileService(serviceOf('web', { ...balanced, ...fields }), slices, place)?.healthCheck;
  assert.deepEqual(checkOf({}), { port: 32_000, localEndpoints: 1 });
  assert.equal(checkOf({ externalPolicy: undefined }), undefined);
  assert.equal(checkOf({ type: 'NodePort' }), undefined);
});

test('Services without a cluster address, of another proxy, or that are names, have nothing', () => {
  const of = (fields: Partial<ClusterService>) =>
    compileService(serviceOf('web', fields), [], place);
  assert.equal(of({ clusterAddresses: [] }), undefined);
  assert.equal(of({ isUnproxied: true }), undefined);
  assert.equal(of({ type: 'ExternalName' }), undefined);
});

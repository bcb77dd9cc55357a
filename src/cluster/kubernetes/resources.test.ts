import assert from 'node:assert/strict';
import { test } from 'node:test';
import { annotatedBandwidth } from '../../cni/bandwidth.ts';
import type { ClusterKind } from '../parse-object.ts';
import { readObject, resources } from './resources.ts';

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    uid: 'u1',
    labels: { app: 'web' },
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': '{"env":"hunter2"}',
      'kubernetes.io/ingress-bandwidth': '10M',
    },
    managedFields: [{ manager: 'kubelet' }],
  },
  spec: {
    nodeName: 'node-1',
    serviceAccountName: 'web',
    imagePullSecrets: [{ name: 'registry' }],
    volumes: [{ name: 'v', secret: { secretName: 'db' } }],
    initContainers: [{ name: 'init', env: [{ name: 'A', value: 'hunter2' }] }],
    containers: [
      {
        name: 'main',
        image: 'web:1',
        command: ['web', '--password=hunter2'],
        args: ['hunter2'],
        env: [{ name: 'PASSWORD', value: 'hunter2' }],
        envFrom: [{ secretRef: { name: 'db' } }],
        ports: [{ name: 'http', containerPort: 8080 }],
      },
      { name: 'sidecar', env: [{ name: 'PASSWORD', value: 'hunter2' }] },
    ],
  },
  status: { phase: 'Running', podIP: '192.0.2.7', podIPs: [{ ip: '192.0.2.7' }] },
};

test('only the used fields of a Pod are kept: no label, container, volume or foreign annotation', () => {
  const kept = JSON.parse(JSON.stringify(readObject('Pod', 'shop/web-1', pod)));
  assert.deepEqual(Object.keys(kept).sort(), [
    'addresses',
    'annotations',
    'containers',
    'hostNetwork',
    'labels',
    'name',
    'namespace',
    'node',
    'phase',
    'uid',
  ]);
  assert.deepEqual(kept.annotations, { 'kubernetes.io/ingress-bandwidth': '10M' });
  assert.deepEqual(kept.labels, {});
  assert.deepEqual(kept.containers, []);
});

// A tenant's object may have more than a megabyte; less is used here only to keep the test quick.
const many = Array.from({ length: 2_000 }, (_, index) => `k${index}.example/${'x'.repeat(40)}`);
const map = Object.fromEntries(many.map((key) => [key, 'v'.repeat(40)]));
const metadata = { namespace: 'shop', name: 'a', uid: 'u', labels: map, annotations: map };
const ports = many.map((_, index) => ({ port: index + 1, containerPort: index + 1 }));
const address = (index: number): string => `198.51.${index >> 8}.${index & 255}`;
const endpoints = many.map((_, index) => ({ addresses: [address(index)], nodeName: 'node-1' }));
const from = many.map((_, index) => ({ ipBlock: { cidr: `${address(index)}/32` } }));

const large: readonly (readonly [ClusterKind, object])[] = [
  ['Node', { metadata: { ...metadata, namespace: undefined } }],
  ['Namespace', { metadata: { ...metadata, namespace: undefined } }],
  ['Pod', { metadata, spec: { nodeName: 'node-1', containers: [{ name: 'c', ports }] } }],
  ['Service', { metadata, spec: { clusterIP: '192.0.2.80', selector: map } }],
  ['EndpointSlice', { metadata, addressType: 'IPv4', endpoints: [], ports: [] }],
  [
    'NetworkPolicy',
    { metadata, spec: { podSelector: { matchLabels: map }, ingress: [{ from, ports }] } },
  ],
];

for (const [kind, raw] of large) {
  test(`a large ${kind} is small in the agent`, () => {
    const kept = JSON.stringify(readObject(kind, 'shop/a', raw));
    assert.ok(JSON.stringify(raw).length > 100_000);
    assert.ok(kept.length < 500, kept.slice(0, 1_000));
  });
}

test('the fields read from Services, slices and static pods are kept', () => {
  const service = {
    clusterIPs: ['192.0.2.80'],
    externalIPs: ['203.0.113.9'],
    ports: [{ port: 80 }],
  };
  const proxyName = 'service.kubernetes.io/service-proxy-name';
  const kept = readObject('Service', 'shop/a', {
    metadata: { ...metadata, labels: { ...map, [proxyName]: 'other' } },
    spec: service,
  });
  assert.ok('clusterAddresses' in kept);
  assert.deepEqual(kept.clusterAddresses, ['192.0.2.80']);
  assert.deepEqual(kept.externalAddresses, ['203.0.113.9']);
  assert.deepEqual(
    kept.ports.map(({ port }) => port),
    [80],
  );
  assert.deepEqual([kept.isUnproxied, kept.labels], [true, {}]);
  const labels = { 'kubernetes.io/service-name': 'kubernetes' };
  const slice = readObject('EndpointSlice', 'default/kubernetes', {
    metadata: { namespace: 'default', name: 'kubernetes', labels },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['192.0.2.1'] }],
    ports: [{ name: 'https', port: 6443 }],
  });
  assert.ok('endpoints' in slice);
  assert.equal(slice.service, 'kubernetes');
  assert.deepEqual(slice.endpoints[0]?.addresses, ['192.0.2.1']);
  assert.equal(slice.ports[0]?.port, 6443);
  const zoned = { name: 'a', labels: { ...map, 'topology.kubernetes.io/zone': 'z1' } };
  const node = readObject('Node', 'a', { metadata: zoned });
  assert.ok('podCidrs' in node);
  assert.equal(node.zone, 'z1');
  const hash = { 'kubernetes.io/config.hash': 'abc' };
  const mirror = { metadata: { namespace: 'shop', name: 'a', annotations: hash } };
  assert.deepEqual(readObject('Pod', 'shop/a', mirror).annotations, hash);
});

test('lists of a Service and a slice that no real use needs are cut', () => {
  const ranges = many.map((_, index) => `${address(index)}/32`);
  const service = readObject('Service', 'shop/a', {
    metadata,
    spec: { ports, loadBalancerSourceRanges: ranges },
  });
  assert.ok('clusterAddresses' in service);
  assert.deepEqual([service.ports.length, service.sourceRanges?.length], [1_024, 1_024]);
  const slice = { metadata, addressType: 'IPv4', endpoints, ports };
  const kept = readObject('EndpointSlice', 'shop/a', slice);
  assert.ok('endpoints' in kept);
  assert.deepEqual([kept.endpoints.length, kept.ports.length], [1_000, 1_024]);
});

test('an annotation that is far too long is cut, but not treated as absent or as another', () => {
  const key = 'kubernetes.io/ingress-bandwidth';
  const annotations = { [key]: `${'0'.repeat(200_000)}10M` };
  const kept = readObject('Pod', 'shop/a', { metadata: { ...metadata, annotations } });
  assert.equal(kept.annotations[key]?.length, 259);
  assert.throws(() => annotatedBandwidth(kept.annotations), /ingress-bandwidth/);
});

test('the server selects the pods of one node', () => {
  const selectorsOf = (podsOf?: string): unknown =>
    resources({ podsOf }).find(({ kind }) => kind === 'Pod')?.selectors;
  assert.deepEqual(selectorsOf(), {});
  assert.deepEqual(selectorsOf('node-1'), { fieldSelector: 'spec.nodeName=node-1' });
  assert.equal(resources({ podsOf: 'node-1' }).length, resources().length);
});

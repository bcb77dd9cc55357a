// Malformed and contradictory Services and EndpointSlices: what the kernel's tables have for a good Service stays byte for
// byte, and the bad object is named.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FakeMapCalls } from '../../../test/support/fake-bpf.ts';
import { ServiceNode, serviceMaps } from '../../../test/support/planned-services.ts';
import { foldObjects } from '../../cluster/fold.ts';
import { type ManifestFile, readManifests } from '../../cluster/manifests/file.ts';
import { emptyClusterState } from '../../cluster/state.ts';
import { ServicesModel } from '../../model/services/services.ts';
import { takenAddresses } from '../../model/services/taken-addresses.ts';
import { parseAddress } from '../../net/address.ts';
import { hostPrefix } from '../../net/prefix.ts';
import type { SeenServices } from '../services/seen.ts';
import { serviceSummaries } from './services.ts';

const document = (kind: string, fields: string): string =>
  `{apiVersion: ${kind === 'EndpointSlice' ? 'discovery.k8s.io/v1' : 'v1'}, kind: ${kind}, ${fields}}`;
const service = (name: string, spec: string, rest = '2026-01-02T00:00:00Z'): string =>
  document(
    'Service',
    `metadata: {name: ${name}, namespace: shop, creationTimestamp: "${rest}"}, spec: {${spec}}`,
  );
const slice = (name: string, of: string, fields: string): string =>
  document(
    'EndpointSlice',
    `metadata: {name: ${name}, namespace: shop, labels: {kubernetes.io/service-name: ${of}}}, ${fields}`,
  );
const node = (index: number): string =>
  document(
    'Node',
    `metadata: {name: n${index}}, spec: {podCIDRs: [198.18.${index}.0/24]}, status: {addresses: [{type: InternalIP, address: 192.0.2.${index}}]}`,
  );

const good = [
  ...[node(1), node(2)],
  service(
    'good',
    'type: LoadBalancer, clusterIPs: [10.96.0.10, "fd00:96::10"], externalIPs: [203.0.113.10], ports: [{name: a, port: 80, nodePort: 30080}, {name: b, port: 53, protocol: UDP}], loadBalancerSourceRanges: [203.0.113.0/24]',
    '2026-01-01T00:00:00Z',
  ),
  slice(
    'good-1',
    'good',
    'addressType: IPv4, ports: [{name: a, port: 8080}, {name: b, protocol: UDP, port: 5353}], endpoints: [{addresses: [198.18.1.5], nodeName: n1}, {addresses: [198.18.2.5], nodeName: n2}]',
  ),
  slice(
    'good-2',
    'good',
    'addressType: IPv6, ports: [{name: a, port: 8080}], endpoints: [{addresses: ["2001:db8::5"]}]',
  ),
].join('\n---\n');

const ports = 'ports: [{port: 80}]';
const bad = (spec: string): string => service('bad', `clusterIP: 10.96.0.20, ${spec}`);
const badSlice = (fields: string): string => slice('bad', 'bad', fields);
const v4 = 'addressType: IPv4, ports: [{port: 8080}]';

/** What is wrong, the objects, and how they are named. */
const cases: readonly (readonly [string, RegExp])[] = [
  [bad('ports: [{port: 0}]'), /Service shop\/bad: spec\.ports\[0\]\.port: 0 is not/],
  [bad('ports: [{port: 65536}]'), /Service shop\/bad: spec\.ports\[0\]\.port: 65536/],
  [bad('ports: [{port: 8.5}]'), /Service shop\/bad: spec\.ports\[0\]\.port: 8\.5/],
  [bad('ports: [{port: http}]'), /Service shop\/bad: spec\.ports\[0\]\.port: http/],
  [bad('ports: [{}]'), /Service shop\/bad: spec\.ports\[0\]\.port/],
  [bad('ports: 80'), /Service shop\/bad: spec\.ports/],
  [bad('ports: [{port: 80, protocol: ICMP}]'), /Service shop\/bad: .*ICMP/],
  [bad('ports: [{port: 80, nodePort: 70000}]'), /Service shop\/bad: .*nodePort: 70000/],
  [bad(`${ports}, type: Anycast`), /Service shop\/bad: spec\.type: Anycast/],
  [bad(`${ports}, externalIPs: [web.example]`), /Service shop\/bad: spec\.externalIPs\[0\]/],
  [bad(`${ports}, externalIPs: 203.0.113.10`), /Service shop\/bad: spec\.externalIPs/],
  [bad(`${ports}, loadBalancerSourceRanges: [all]`), /Service shop\/bad: .*Ranges\[0\]: all/],
  [bad(`${ports}, sessionAffinity: Cookie`), /Service shop\/bad: spec\.sessionAffinity: Cookie/],
  [
    bad(`${ports}, sessionAffinityConfig: {clientIP: {timeoutSeconds: 0}}`),
    /Service shop\/bad: .*timeoutSeconds: 0/,
  ],
  [bad(`${ports}, internalTrafficPolicy: Node`), /Service shop\/bad: .*TrafficPolicy: Node/],
  [bad(`${ports}, externalTrafficPolicy: 7`), /Service shop\/bad: spec\.externalTrafficPolicy: 7/],
  [bad(`${ports}, healthCheckNodePort: -1`), /Service shop\/bad: .*healthCheckNodePort: -1/],
  [service('bad', `clusterIP: 10.96.0.300, ${ports}`), /Service shop\/bad: .*10\.96\.0\.300/],
  [service('bad', `clusterIPs: [10.96.0.20, "::g"], ${ports}`), /Service shop\/bad: .*::g/],
  [document('Service', 'metadata: {name: bad, namespace: shop}'), /Service shop\/bad: spec/],
  [document('Service', 'metadata: {namespace: shop}, spec: {}'), /metadata\.name/],
  [badSlice('addressType: IPv5'), /EndpointSlice shop\/bad: addressType: IPv5/],
  [badSlice(`${v4}, endpoints: [{addresses: []}]`), /shop\/bad: endpoints\[0\]\.addresses: has no/],
  [badSlice(`${v4}, endpoints: [{addresses: ["::1"]}]`), /shop\/bad: .*addressType IPv4/],
  [badSlice(`${v4}, endpoints: [{addresses: [198.18.1]}]`), /shop\/bad: .*198\.18\.1 is not/],
  [badSlice(`${v4}, endpoints: [{addresses: 198.18.1.1}]`), /shop\/bad: endpoints\[0\]\.addresses/],
  [badSlice(`${v4}, endpoints: {}`), /EndpointSlice shop\/bad: endpoints/],
  [badSlice('addressType: IPv4, ports: [{port: 99999}]'), /EndpointSlice shop\/bad: .*99999/],
  [badSlice('addressType: IPv4, ports: [{port: 1, protocol: GRE}]'), /shop\/bad: .*GRE/],
  [
    badSlice(`${v4}, endpoints: [{addresses: [198.18.1.9], conditions: {ready: maybe}}]`),
    /shop\/bad: .*ready: maybe/,
  ],
  // Of the good Service itself: its other slices stay.
  [slice('bad', 'good', `${v4}, endpoints: [{addresses: [nowhere]}]`), /shop\/bad: .*nowhere/],
  // Claims of what something else has.
  [bad(`${ports}, externalIPs: [203.0.113.10]`), /shop\/bad: 203\.0\.113\.10 port 80\/TCP .*good/],
  [bad(`${ports}, externalIPs: [10.96.0.10]`), /shop\/bad: 10\.96\.0\.10 port 80\/TCP .*good/],
  [bad('ports: [{port: 99}], externalIPs: [10.96.0.10]'), /shop\/bad: 10\.96\.0\.10 port 99\/TCP/],
  [service('bad', `clusterIP: 10.96.0.10, ${ports}`), /shop\/bad: 10\.96\.0\.10 port 80.*good/],
  [bad('type: NodePort, ports: [{port: 80, nodePort: 30080}]'), /shop\/bad: .*30080.*good/],
  [bad(`${ports}, externalIPs: [192.0.2.1]`), /shop\/bad: 192\.0\.2\.1 port 80.* address of n1/],
  [bad(`${ports}, externalIPs: [192.0.2.2]`), /shop\/bad: 192\.0\.2\.2 port 80.* address of n2/],
  [bad(`${ports}, externalIPs: [198.18.1.5]`), /shop\/bad: 198\.18\.1\.5 .*the pods of n1/],
  [bad(`${ports}, externalIPs: [198.51.100.1]`), /shop\/bad: 198\.51\.100\.1 .*API server/],
  [bad(`${ports}, externalIPs: [127.0.0.1]`), /shop\/bad: 127\.0\.0\.1 .*loopback/],
  [bad(`${ports}, externalIPs: [169.254.169.254]`), /shop\/bad: 169\.254\.169\.254 .*link-local/],
  [bad(`${ports}, externalIPs: [100.100.100.200]`), /shop\/bad: 100\.100\.100\.200 .*metadata/],
  [bad('ports: [{port: 80}, {name: x, port: 80}]'), /shop\/bad: .*earlier port of this Service/],
  [service('bad', `clusterIP: 192.0.2.2, ${ports}`), /shop\/bad: 192\.0\.2\.2 .*address of n2/],
  [service('bad', `clusterIP: 198.18.2.9, ${ports}`), /shop\/bad: 198\.18\.2\.9 .*pods of n2/],
];

interface Node {
  readonly kernel: ServiceNode;
  readonly model: ServicesModel;
}

/** Settles the objects; returns the entries of all tables as bytes, and what is named. */
async function settled({ kernel, model }: Node, file: ManifestFile) {
  const objects = Array.from(file.objects.values(), ({ content }) => content);
  const state = foldObjects(objects, emptyClusterState);
  const occupied = [
    { kind: 'api server', prefix: hostPrefix(parseAddress('198.51.100.1')) } as const,
  ];
  const taken = takenAddresses({ nodes: state.nodes, occupied });
  const seen: SeenServices = {
    tables: model.follow(state),
    context: { nodePortAddresses: [parseAddress('192.0.2.1')], taken },
  };
  kernel.follow(seen.tables, seen.context);
  const report = await kernel.settle();
  assert.deepEqual(report.failures, []);
  const { frontends, slots, sourceRanges } = kernel.maps;
  const entries = [frontends, slots, sourceRanges].flatMap((map, at) =>
    Array.from(map.entries() as Iterable<unknown>, (entry) => `${at} ${JSON.stringify(entry)}`),
  );
  const named = [
    ...file.problems.map(({ text }) => text),
    ...serviceSummaries(seen, 'heddle').flatMap(({ name, problems = [] }) =>
      problems.map((problem) => `${name}: ${problem}`),
    ),
  ];
  return { entries, named };
}

test(`${cases.length} bad Services and slices are named and leave a good Service as it was`, async () => {
  for (const [objects, name] of cases) {
    const sizes = { frontends: 100, slots: 100, sourceRanges: 100 };
    const node = {
      kernel: new ServiceNode(serviceMaps(sizes, new FakeMapCalls())),
      model: new ServicesModel('n1'),
    };
    const first = readManifests('good.yaml', good);
    const before = await settled(node, first);
    assert.deepEqual(before.named, []);
    assert.ok(before.entries.length > 10, `${before.entries.length} entries`);
    const after = await settled(
      node,
      readManifests('good.yaml', `${good}\n---\n${objects}`, first),
    );
    const lost = before.entries.filter((entry) => !after.entries.includes(entry));
    assert.deepEqual(lost, [], objects);
    assert.ok(
      after.named.some((text) => name.test(text)),
      `${objects}: ${JSON.stringify(after.named)}`,
    );
    assert.deepEqual(
      after.named.filter((text) => text.startsWith('shop/good')),
      [],
    );
    // Without the bad objects everything is as before.
    const again = await settled(node, readManifests('good.yaml', good, first));
    assert.deepEqual(again.entries.toSorted(), before.entries.toSorted(), objects);
  }
});

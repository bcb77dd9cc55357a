import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import { type ClusterObject, identify, parseObject } from './parse-object.ts';

function parseYaml(yaml: string): ClusterObject['object'] {
  const raw: unknown = parse(yaml);
  const identity = identify(raw, 'test');
  assert.ok(identity);
  return parseObject(identity, raw, 'test').object;
}

// An absent field and an undefined one mean the same.
function withoutAbsent(value: object): unknown {
  return JSON.parse(JSON.stringify(value));
}

const meta = { uid: undefined, labels: {}, annotations: {} };
const everything = { matchLabels: {}, matchExpressions: [] };

const cases: readonly { readonly name: string; readonly yaml: string; readonly object: object }[] =
  [
    {
      name: 'a node gives its ranges and InternalIPs in order',
      yaml: `{apiVersion: v1, kind: Node, metadata: {name: node-1, uid: u1, labels: {a: b}, creationTimestamp: null},
      spec: {podCIDR: 192.0.2.0/26, podCIDRs: [192.0.2.0/26, '2001:DB8:1::/64'], taints: []},
      status: {addresses: [{type: Hostname, address: node-1}, {type: InternalIP, address: 198.51.100.1}, {type: InternalIP, address: '2001:db8::1'}]}}`,
      object: {
        ...meta,
        name: 'node-1',
        uid: 'u1',
        labels: { a: 'b' },
        podCidrs: ['192.0.2.0/26', '2001:db8:1::/64'],
        addresses: ['198.51.100.1', '2001:db8::1'],
      },
    },
    {
      name: 'a node with the old field alone and no status',
      yaml: '{apiVersion: v1, kind: Node, metadata: {name: node-1}, spec: {podCIDR: 192.0.2.0/26}}',
      object: { ...meta, name: 'node-1', podCidrs: ['192.0.2.0/26'], addresses: [] },
    },
    {
      name: 'a pod defaults to namespace default, phase Pending and no host network',
      yaml: '{apiVersion: v1, kind: Pod, metadata: {name: a}}',
      object: {
        ...meta,
        name: 'a',
        namespace: 'default',
        node: undefined,
        addresses: [],
        hostNetwork: false,
        phase: 'Pending',
        containers: [],
      },
    },
    {
      name: 'a pod gives node, addresses and containers',
      yaml: `{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: a},
      spec: {nodeName: node-1, containers: [{name: c, image: i, command: [sleep], args: ['1'], ports: [{name: http, containerPort: 80}]}]},
      status: {phase: Running, podIP: 192.0.2.5, podIPs: [{ip: 192.0.2.5}, {ip: '2001:db8::5'}]}}`,
      object: {
        ...meta,
        name: 'a',
        namespace: 'shop',
        node: 'node-1',
        addresses: ['192.0.2.5', '2001:db8::5'],
        hostNetwork: false,
        phase: 'Running',
        containers: [
          {
            name: 'c',
            image: 'i',
            command: ['sleep'],
            args: ['1'],
            ports: [{ name: 'http', protocol: 'TCP', port: 80 }],
          },
        ],
      },
    },
    {
      name: 'a headless service has no address and a target port that follows the port',
      yaml: `{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: db},
      spec: {clusterIP: None, clusterIPs: [None], selector: {app: db}, ports: [{port: 5432}, {name: admin, port: 80, targetPort: http, protocol: UDP}]}}`,
      object: {
        ...meta,
        name: 'db',
        namespace: 'shop',
        type: 'ClusterIP',
        clusterAddresses: [],
        externalAddresses: [],
        selector: { app: 'db' },
        ports: [
          { name: undefined, protocol: 'TCP', port: 5432, targetPort: 5432, nodePort: undefined },
          { name: 'admin', protocol: 'UDP', port: 80, targetPort: 'http', nodePort: undefined },
        ],
      },
    },
    {
      name: 'an endpoint slice reads absent conditions as ready',
      yaml: `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4,
      metadata: {namespace: shop, name: db-1, labels: {kubernetes.io/service-name: db}},
      ports: [{port: 5432}], endpoints: [{addresses: [192.0.2.5]}, {addresses: [192.0.2.6], conditions: {ready: false, serving: true, terminating: true}, nodeName: node-2}]}`,
      object: {
        ...meta,
        name: 'db-1',
        namespace: 'shop',
        labels: { 'kubernetes.io/service-name': 'db' },
        service: 'db',
        addressType: 'IPv4',
        ports: [{ name: undefined, protocol: 'TCP', port: 5432 }],
        endpoints: [
          {
            addresses: ['192.0.2.5'],
            ready: true,
            serving: true,
            terminating: false,
            node: undefined,
            zone: undefined,
          },
          {
            addresses: ['192.0.2.6'],
            ready: false,
            serving: true,
            terminating: true,
            node: 'node-2',
            zone: undefined,
          },
        ],
      },
    },
    {
      name: 'a policy without types and egress isolates ingress alone',
      yaml: '{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {}}}',
      object: {
        ...meta,
        name: 'a',
        namespace: 'default',
        podSelector: everything,
        ingress: [],
        egress: undefined,
      },
    },
    {
      name: 'a policy keeps peers apart by kind and ports with their protocol',
      yaml: `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {podSelector: {},
      policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 192.0.2.0/24, except: [192.0.2.128/25]}},
      {namespaceSelector: {}}], ports: [{port: dns, protocol: UDP}, {port: 1, endPort: 9}]}, {}]}}`,
      object: {
        ...meta,
        name: 'a',
        namespace: 'default',
        podSelector: everything,
        ingress: undefined,
        egress: [
          {
            peers: [
              { kind: 'block', cidr: '192.0.2.0/24', except: ['192.0.2.128/25'] },
              { kind: 'selector', pods: undefined, namespaces: everything },
            ],
            ports: [
              { protocol: 'UDP', port: 'dns', endPort: undefined },
              { protocol: 'TCP', port: 1, endPort: 9 },
            ],
          },
          { peers: [], ports: [] },
        ],
      },
    },
  ];

for (const { name, yaml, object } of cases) {
  test(name, () => assert.deepEqual(withoutAbsent(parseYaml(yaml)), withoutAbsent(object)));
}

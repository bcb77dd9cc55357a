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
      name: 'a load balancer keeps what its translation needs, and ports of 0 are absent',
      yaml: `{apiVersion: v1, kind: Service, metadata: {namespace: shop, name: web},
      spec: {type: LoadBalancer, clusterIPs: [192.0.2.80, '2001:db8::80'], externalIPs: [203.0.113.9, 203.0.113.9],
        ports: [{name: web, port: 80, nodePort: 30080}, {name: udp, port: 80, protocol: UDP, nodePort: 0}],
        sessionAffinity: ClientIP, sessionAffinityConfig: {clientIP: {timeoutSeconds: 86400}},
        internalTrafficPolicy: Local, externalTrafficPolicy: Local, healthCheckNodePort: 32000,
        loadBalancerSourceRanges: [198.51.100.7/24], publishNotReadyAddresses: true},
      status: {loadBalancer: {ingress: [{ip: 203.0.113.10, ipMode: VIP}, {ip: 203.0.113.11}, {ip: 203.0.113.12, ipMode: Proxy}, {hostname: lb.example}]}}}`,
      object: {
        ...meta,
        name: 'web',
        namespace: 'shop',
        type: 'LoadBalancer',
        clusterAddresses: ['192.0.2.80', '2001:db8::80'],
        externalAddresses: ['203.0.113.9'],
        loadBalancerAddresses: [
          { address: '203.0.113.10' },
          { address: '203.0.113.11' },
          { address: '203.0.113.12', isProxied: true },
        ],
        sourceRanges: ['198.51.100.0/24'],
        ports: [
          { name: 'web', protocol: 'TCP', port: 80, targetPort: 80, nodePort: 30080 },
          { name: 'udp', protocol: 'UDP', port: 80, targetPort: 80 },
        ],
        affinitySeconds: 86_400,
        internalPolicy: 'Local',
        externalPolicy: 'Local',
        healthCheckPort: 32_000,
        publishesNotReady: true,
      },
    },
    {
      name: 'affinity lasts three hours by default, and policies Cluster are absent',
      yaml: `{apiVersion: v1, kind: Service, metadata: {name: a, labels: {service.kubernetes.io/service-proxy-name: x}},
      spec: {clusterIP: 192.0.2.80, sessionAffinity: ClientIP, internalTrafficPolicy: Cluster, externalTrafficPolicy: Cluster}}`,
      object: {
        ...{ ...meta, name: 'a', namespace: 'default', type: 'ClusterIP', ports: [] },
        labels: { 'service.kubernetes.io/service-proxy-name': 'x' },
        ...{ clusterAddresses: ['192.0.2.80'], externalAddresses: [], affinitySeconds: 10_800 },
        isUnproxied: true,
      },
    },
    {
      name: 'an endpoint slice has hints, and serving equals ready unless it is given',
      yaml: `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv6,
      metadata: {name: a, labels: {service.kubernetes.io/headless: ''}},
      endpoints: [{addresses: ['2001:DB8::5'], conditions: {ready: false}, hints: {forZones: [{name: z1}], forNodes: [{name: n1}, {name: n2}]}},
        {addresses: ['2001:db8::6'], conditions: {ready: null, terminating: true}, hints: {forZones: []}}]}`,
      object: {
        ...{ ...meta, name: 'a', namespace: 'default', addressType: 'IPv6', ports: [] },
        ...{ labels: { 'service.kubernetes.io/headless': '' }, isUnproxied: true },
        endpoints: [
          {
            ...{ addresses: ['2001:db8::5'], ready: false, serving: false, terminating: false },
            ...{ forZones: ['z1'], forNodes: ['n1', 'n2'] },
          },
          { addresses: ['2001:db8::6'], ready: true, serving: true, terminating: true },
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

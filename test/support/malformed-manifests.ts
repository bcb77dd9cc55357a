// Faulty manifests, each in the place of a valid one, with the expected text: one table for the reader alone and for an
// agent that reads a directory.

/** A file with one valid object of each kind; `node-3` is another node, with its own range. */
const good: readonly string[] = [
  '{apiVersion: v1, kind: Node, metadata: {name: node-3}, spec: {podCIDRs: [10.201.3.0/24, "fd00:201:3::/64"]}, status: {addresses: [{type: InternalIP, address: 10.200.0.13}, {type: InternalIP, address: "fd00:200::13"}]}}',
  '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: a}}}',
  '{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop, labels: {app: web}}, spec: {nodeName: node-3, containers: [{name: main}]}, status: {podIPs: [{ip: 10.201.3.7}]}}',
  '{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: {clusterIP: 192.0.2.80, ports: [{port: 80}]}}',
  '{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-x, namespace: shop, labels: {kubernetes.io/service-name: web}}, addressType: IPv4, ports: [{port: 8080}], endpoints: [{addresses: [10.201.3.7]}]}',
];

export const goodManifests: string = `${good.join('\n---\n')}\n`;

export interface MalformedManifest {
  /** The whole file. */
  readonly file: string;
  /** The text behind the file's path and a comma. */
  readonly text: string;
  readonly consequence: string;
}

type Case = readonly [document: string, text: string];

const ofObject =
  'the last good version of this object stays in force; everything else in the file was applied';
const ofFile = 'the last good version of this file stays in force';

function inPlaceOf(
  index: number,
  cases: readonly Case[],
  consequence: string,
): readonly MalformedManifest[] {
  return cases.map(([document, text]): MalformedManifest => {
    const file = good.map((text, at) => (at === index ? document : text)).join('\n---\n');
    return { file: `${file}\n`, text: `document ${index + 1}${text}`, consequence };
  });
}

const node = (rest: string): string =>
  `{apiVersion: v1, kind: Node, metadata: {name: node-3}, ${rest}}`;
const pod = (rest: string): string =>
  `{apiVersion: v1, kind: Pod, metadata: {name: web-1, namespace: shop}, ${rest}}`;
const service = (spec: string): string =>
  `{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}, spec: ${spec}}`;
const slice = (rest: string): string =>
  `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: web-x, namespace: shop}, ${rest}}`;
const internal = (address: string): string =>
  `status: {addresses: [{type: InternalIP, address: ${address}}]}`;

const nodes: readonly Case[] = [
  [
    node('spec: {podCIDRs: [10.201.3.0/33]}'),
    ': Node node-3: spec.podCIDRs[0]: 10.201.3.0/33 is not a CIDR prefix (address/length)',
  ],
  [
    node('spec: {podCIDRs: [10.201.3.0]}'),
    ': Node node-3: spec.podCIDRs[0]: 10.201.3.0 is not a CIDR prefix (address/length)',
  ],
  [
    node('spec: {podCIDRs: [10.201.3.300/24]}'),
    ': Node node-3: spec.podCIDRs[0]: 10.201.3.300/24 is not a CIDR prefix (address/length)',
  ],
  [
    node('spec: {podCIDRs: ["fd00:201:3::/129"]}'),
    ': Node node-3: spec.podCIDRs[0]: fd00:201:3::/129 is not a CIDR prefix (address/length)',
  ],
  [
    node('spec: {podCIDRs: [everything]}'),
    ': Node node-3: spec.podCIDRs[0]: everything is not a CIDR prefix (address/length)',
  ],
  [
    node('spec: {podCIDRs: 10.201.3.0/24}'),
    ': Node node-3: spec.podCIDRs: 10.201.3.0/24 is not a list',
  ],
  [
    node('spec: {podCIDRs: [[10.201.3.0/24]]}'),
    ': Node node-3: spec.podCIDRs[0]: ["10.201.3.0/24"] is not a string',
  ],
  [node('spec: {podCIDR: 7}'), ': Node node-3: spec.podCIDR: 7 is not a string'],
  [node('spec: []'), ': Node node-3: spec: [] is not a map'],
  [
    node(internal('10.200.0.999')),
    ': Node node-3: status.addresses[0].address: 10.200.0.999 is not an IPv4 or IPv6 address',
  ],
  [
    node(internal('node-3.example')),
    ': Node node-3: status.addresses[0].address: node-3.example is not an IPv4 or IPv6 address',
  ],
  [
    node('status: {addresses: [{type: InternalIP}]}'),
    ': Node node-3: status.addresses[0].address: is required',
  ],
  [
    node('status: {addresses: {type: InternalIP, address: 10.200.0.13}}'),
    ': Node node-3: status.addresses: {"type":"InternalIP","address":"10.200.0.13"} is not a list',
  ],
  [
    '{apiVersion: v1, kind: Node, metadata: {name: node-3, labels: {a: 1}}}',
    ': Node node-3: metadata.labels.a: 1 is not a string',
  ],
];

const namespaces: readonly Case[] = [
  [
    '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: [a]}}',
    ': Namespace shop: metadata.labels: ["a"] is not a map',
  ],
  [
    '{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {on: true}}}',
    ': Namespace shop: metadata.labels.on: true is not a string',
  ],
  [
    '{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {a: {}}}}',
    ': Namespace shop: metadata.annotations.a: {} is not a string',
  ],
];

const pods: readonly Case[] = [
  [pod('spec: {hostNetwork: "yes"}'), ': Pod shop/web-1: spec.hostNetwork: yes is not a boolean'],
  [
    pod('spec: {containers: {name: main}}'),
    ': Pod shop/web-1: spec.containers: {"name":"main"} is not a list',
  ],
  [
    pod('spec: {containers: [{image: any}]}'),
    ': Pod shop/web-1: spec.containers[0].name: is required',
  ],
  [
    pod('spec: {containers: [{name: main, ports: [{containerPort: 0}]}]}'),
    ': Pod shop/web-1: spec.containers[0].ports[0].containerPort: 0 is not a port (1-65535)',
  ],
  [
    pod('spec: {containers: [{name: main, ports: [{containerPort: 80, protocol: ICMP}]}]}'),
    ': Pod shop/web-1: spec.containers[0].ports[0].protocol: ICMP is not one of TCP, UDP, SCTP',
  ],
  [
    pod('spec: {nodeName: [node-3]}'),
    ': Pod shop/web-1: spec.nodeName: ["node-3"] is not a string',
  ],
  [
    pod('status: {phase: Happy}'),
    ': Pod shop/web-1: status.phase: Happy is not one of Pending, Running, Succeeded, Failed, Unknown',
  ],
  [
    pod('status: {podIP: 10.201.3}'),
    ': Pod shop/web-1: status.podIP: 10.201.3 is not an IPv4 or IPv6 address',
  ],
  [
    pod('status: {podIPs: [{ip: 10.201.3.0/24}]}'),
    ': Pod shop/web-1: status.podIPs[0].ip: 10.201.3.0/24 is not an IPv4 or IPv6 address',
  ],
  [
    pod('status: {podIPs: [10.201.3.7]}'),
    ': Pod shop/web-1: status.podIPs[0]: 10.201.3.7 is not a map',
  ],
];

const services: readonly Case[] = [
  [
    '{apiVersion: v1, kind: Service, metadata: {name: web, namespace: shop}}',
    ': Service shop/web: spec: is required',
  ],
  [
    service('{type: Anycast}'),
    ': Service shop/web: spec.type: Anycast is not one of ClusterIP, NodePort, LoadBalancer, ExternalName',
  ],
  [
    service('{clusterIP: 192.0.2.256}'),
    ': Service shop/web: spec.clusterIP: 192.0.2.256 is not an IPv4 or IPv6 address',
  ],
  [
    service('{clusterIPs: [192.0.2.80, none]}'),
    ': Service shop/web: spec.clusterIPs[1]: none is not an IPv4 or IPv6 address',
  ],
  [
    service('{externalIPs: [web.example]}'),
    ': Service shop/web: spec.externalIPs[0]: web.example is not an IPv4 or IPv6 address',
  ],
  [
    service('{ports: [{port: 65536}]}'),
    ': Service shop/web: spec.ports[0].port: 65536 is not a port (1-65535)',
  ],
  [
    service('{ports: [{port: 80, targetPort: Not_A_Name}]}'),
    ': Service shop/web: spec.ports[0].targetPort: Not_A_Name is not a port (1-65535) nor a port name',
  ],
  [
    service('{ports: [{port: 80, nodePort: -1}]}'),
    ': Service shop/web: spec.ports[0].nodePort: -1 is not a port (1-65535)',
  ],
  [
    service('{ports: [{port: 80, nodePort: 65536}]}'),
    ': Service shop/web: spec.ports[0].nodePort: 65536 is not a port (1-65535)',
  ],
  [
    service('{sessionAffinity: Cookie}'),
    ': Service shop/web: spec.sessionAffinity: Cookie is not one of None, ClientIP',
  ],
  ...['0', '86401', '1.5', 'long'].map(
    (seconds): Case => [
      service(`{sessionAffinityConfig: {clientIP: {timeoutSeconds: ${seconds}}}}`),
      `: Service shop/web: spec.sessionAffinityConfig.clientIP.timeoutSeconds: ${seconds} is not a whole number of seconds from 1 to 86400`,
    ],
  ),
  [
    service('{internalTrafficPolicy: local}'),
    ': Service shop/web: spec.internalTrafficPolicy: local is not one of Cluster, Local',
  ],
  [
    service('{externalTrafficPolicy: Zone}'),
    ': Service shop/web: spec.externalTrafficPolicy: Zone is not one of Cluster, Local',
  ],
  [
    service('{healthCheckNodePort: 70000}'),
    ': Service shop/web: spec.healthCheckNodePort: 70000 is not a port (1-65535)',
  ],
  [
    service('{loadBalancerSourceRanges: [192.0.2.0/24, 192.0.2.7]}'),
    ': Service shop/web: spec.loadBalancerSourceRanges[1]: 192.0.2.7 is not a CIDR prefix (address/length)',
  ],
  [
    service('{publishNotReadyAddresses: "yes"}'),
    ': Service shop/web: spec.publishNotReadyAddresses: yes is not a boolean',
  ],
  [
    service('{}, status: {loadBalancer: {ingress: [{ip: 203.0.113.9, ipMode: Direct}]}}'),
    ': Service shop/web: status.loadBalancer.ingress[0].ipMode: Direct is not one of VIP, Proxy',
  ],
  [
    service('{}, status: {loadBalancer: {ingress: [{ip: lb.example}]}}'),
    ': Service shop/web: status.loadBalancer.ingress[0].ip: lb.example is not an IPv4 or IPv6 address',
  ],
  [service('{selector: {app: 7}}'), ': Service shop/web: spec.selector.app: 7 is not a string'],
];

const slices: readonly Case[] = [
  [slice('endpoints: []'), ': EndpointSlice shop/web-x: addressType: is required'],
  [
    slice('addressType: IPX'),
    ': EndpointSlice shop/web-x: addressType: IPX is not one of IPv4, IPv6, FQDN',
  ],
  [
    slice('addressType: IPv4, endpoints: [{addresses: [web.example]}]'),
    ': EndpointSlice shop/web-x: endpoints[0].addresses[0]: web.example is not an IPv4 or IPv6 address',
  ],
  [
    slice('addressType: IPv4, endpoints: [{addresses: [10.201.3.7], conditions: {ready: 1}}]'),
    ': EndpointSlice shop/web-x: endpoints[0].conditions.ready: 1 is not a boolean',
  ],
  [
    slice('addressType: IPv4, endpoints: [{addresses: []}]'),
    ': EndpointSlice shop/web-x: endpoints[0].addresses: has no address',
  ],
  [
    slice('addressType: IPv4, endpoints: [{addresses: ["2001:db8::7"]}]'),
    ": EndpointSlice shop/web-x: endpoints[0].addresses[0]: 2001:db8::7 is not of the slice's addressType IPv4",
  ],
  [
    slice('addressType: IPv4, endpoints: [{addresses: [10.201.3.7], hints: {forZones: [z1]}}]'),
    ': EndpointSlice shop/web-x: endpoints[0].hints.forZones[0]: z1 is not a map',
  ],
  [
    slice('addressType: IPv4, ports: [{port: "80"}]'),
    ': EndpointSlice shop/web-x: ports[0].port: 80 is not a port (1-65535)',
  ],
];

// Even the name is unreadable, so the whole file keeps its earlier content.
const nameless: readonly Case[] = [
  ['{kind: Node, metadata: {name: node-3}}', ': apiVersion: is required'],
  ['{apiVersion: v1, metadata: {name: node-3}}', ': kind: is required'],
  ['{apiVersion: v1, kind: 7}', ': kind: 7 is not a string'],
  [
    '{apiVersion: v2, kind: Node, metadata: {name: node-3}}',
    ': apiVersion: v2 is not supported: Node is read as v1',
  ],
  ['{apiVersion: v1, kind: Node}', ': Node: metadata: is required'],
  [
    '{apiVersion: v1, kind: Node, metadata: {name: Node-3}}',
    ': Node: metadata.name: Node-3 is not an object name (a-z, 0-9, - and .)',
  ],
  [
    '{apiVersion: v1, kind: Node, metadata: {name: ""}}',
    ': Node: metadata.name: "" is not an object name (a-z, 0-9, - and .)',
  ],
  [
    '{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {}}]}',
    ', item 1: Pod: metadata.name: is required',
  ],
  ['just a text', ': just a text is not a map'],
  ['[a, list]', ': ["a","list"] is not a map'],
  ['{apiVersion: v1, kind: Node', ': is not YAML: Flow map must end with a } at line 2, column 1'],
  ['{a: 1, a: 2}', ': is not YAML: Map keys must be unique at line 1, column 8'],
  [
    '{apiVersion: *nowhere, kind: Node}',
    ': is not YAML: Unresolved alias (the anchor must be set before the alias): nowhere',
  ],
  [
    'a: b: c',
    ': is not YAML: Nested mappings are not allowed in compact mappings at line 1, column 4',
  ],
];

export const malformedManifests: readonly MalformedManifest[] = [
  ...inPlaceOf(0, nodes, ofObject),
  ...inPlaceOf(1, namespaces, ofObject),
  ...inPlaceOf(2, pods, ofObject),
  ...inPlaceOf(3, services, ofObject),
  ...inPlaceOf(4, slices, ofObject),
  ...inPlaceOf(0, nameless, ofFile),
];

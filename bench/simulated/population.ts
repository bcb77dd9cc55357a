// The objects of the simulated cluster, as large as those of real ones.

export const nodeCount = 1_000;
export const podCount = 10_000;
export const namespaceNames: readonly string[] = Array.from({ length: 50 }, (_, n) => `team-${n}`);

/** `node-1` is the agent's node; its addresses are those of the namespace in which it runs. */
export function nodeName(index: number): string {
  return `node-${index + 1}`;
}

/** /24 and /64 of each node. */
export function podRange(node: number): string {
  return `10.${220 + (node >> 8)}.${node & 255}.0/24`;
}

// Other machines have the addresses between those of the nodes, so that ranges cannot be merged.
const stride = 3;

/** A node has two addresses that it uses in turn, so that a change affects every table that depends on it. */
export function nodeAddress(node: number, turn: 0 | 1 = 0): string {
  const place = stride * node;
  return `10.216.${(turn === 0 ? 0 : 64) + (place >> 7)}.${(place & 127) + 1}`;
}

export function simulatedNodeStatus(node: number, turn: 0 | 1 = 0): object {
  return {
    addresses: [
      { type: 'InternalIP', address: nodeAddress(node, turn) },
      { type: 'InternalIP', address: `fd00:216::${(stride * node + 1).toString(16)}` },
      { type: 'Hostname', address: nodeName(node) },
    ],
  };
}

export function simulatedNode(node: number): SimulatedObject {
  const name = nodeName(node);
  const labels = {
    'kubernetes.io/arch': 'amd64',
    'kubernetes.io/hostname': name,
    'kubernetes.io/os': 'linux',
    'node.kubernetes.io/instance-type': 'm-16',
    'topology.kubernetes.io/region': 'north',
    'topology.kubernetes.io/zone': `north-${node % 3}`,
  };
  const podCIDRs = [podRange(node), `fd00:220:0:${node.toString(16)}::/64`];
  const resources = { cpu: '16', memory: '65536000Ki', pods: '110', 'ephemeral-storage': '200Gi' };
  const images = Array.from({ length: 20 }, (_, index) => ({
    names: [`registry.example.com/team/service-${index}@sha256:${hex(index, 64)}`],
    sizeBytes: 100_000_000 + index,
  }));
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: { name, labels },
    spec: { podCIDR: podCIDRs[0], podCIDRs, providerID: `example://north/${name}` },
    status: { ...simulatedNodeStatus(node), capacity: resources, allocatable: resources, images },
  };
}

export interface SimulatedObject {
  readonly apiVersion: 'v1';
  readonly kind: string;
  readonly metadata: object;
  readonly spec: { readonly nodeName?: string; readonly [field: string]: unknown };
  readonly status: object;
}

export interface PodPlace {
  readonly namespace: string;
  readonly name: string;
}

export function podPlace(index: number, generation = 0): PodPlace {
  const namespace = namespaceNames[index % namespaceNames.length] ?? '';
  return { namespace, name: `service-${index % 200}-${hex(index, 9)}-${generation}` };
}

// No pods on the agent's own node: CNI requests create those.
function nodeOfPod(index: number): number {
  return 1 + (index % (nodeCount - 1));
}

/** About 4 kB in the API server's JSON. */
export function podManifest(index: number, generation = 0): SimulatedObject {
  const app = `service-${index % 200}`;
  const labels = { app, 'pod-template-hash': hex(index % 200, 9), team: `team-${index % 50}` };
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      ...podPlace(index, generation),
      labels,
      annotations: { 'example.com/config-hash': hex(index, 64), 'example.com/trace': 'enabled' },
    },
    spec: {
      nodeName: nodeName(nodeOfPod(index)),
      containers: [container('main', app), container('sidecar', 'proxy')],
      volumes: [
        { name: 'config', configMap: { name: `${app}-config` } },
        { name: 'scratch', emptyDir: {} },
      ],
      tolerations: [{ key: 'example.com/spot', operator: 'Exists', effect: 'NoSchedule' }],
    },
    status: podStatus(index),
  };
}

/** `turn`: another address of the same node, as if the pod's sandbox had been recreated. */
export function podStatus(index: number, turn: 0 | 1 = 0): object {
  const node = nodeOfPod(index);
  const host = 2 + 2 * Math.floor(index / (nodeCount - 1)) + turn;
  const addresses = [
    podRange(node).replace('.0/24', `.${host}`),
    `fd00:220:0:${node.toString(16)}::${host}`,
  ];
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'];
  return {
    phase: 'Running',
    conditions: conditions.map((type) => ({ type, status: 'True' })),
    hostIP: nodeAddress(node),
    podIP: addresses[0],
    podIPs: addresses.map((ip) => ({ ip })),
    startTime: '2026-01-01T00:00:00Z',
  };
}

function container(name: string, app: string): object {
  return {
    name,
    image: `registry.example.com/team/${app}:1.2.3`,
    args: ['--listen=:8080', `--service=${app}`, '--log-format=json'],
    env: Array.from({ length: 8 }, (_, index) => ({ name: `SETTING_${index}`, value: app })),
    ports: [{ name: `${name}-http`, containerPort: name === 'main' ? 8080 : 9090 }],
    resources: { requests: { cpu: '100m', memory: '128Mi' }, limits: { memory: '256Mi' } },
    readinessProbe: { httpGet: { path: '/ready', port: 8080 }, periodSeconds: 10 },
    livenessProbe: { httpGet: { path: '/live', port: 8080 }, periodSeconds: 10 },
    volumeMounts: [
      { name: 'config', mountPath: '/etc/service' },
      { name: 'scratch', mountPath: '/var/tmp' },
    ],
  };
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(4, '0').repeat(16).slice(0, digits);
}

// The objects of the experiment: one node, and Services on it. The first ones are measured: they have consecutive
// addresses and the server's pod as backend. One more has its backend added and removed. The others have four backends
// each that do not exist.

export const proxyNodeName = 'node-1';
export const proxyNodeAddress = '10.219.0.1';
export const proxyPodRange = '10.220.0.0/24';
export const serviceNamespace = 'bench';
const firstAddress = 16;
const mostMeasured = 16;

/**
 * Each way has a port of its own: a closed translated connection keeps its ports on the stack for a moment. The node
 * port is of the first Service only.
 */
export const ways = {
  socket: { port: 80, target: 9000, nodePort: 30080 },
  packets: { port: 81, target: 9001, nodePort: 30081 },
} as const;

/** Service that changes: no backend at first. */
export const changing: {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly target: number;
} = { name: 'changing', address: '10.96.0.100', port: 80, target: ways.socket.target };

/** How many of `size` Services are measured: kube-proxy's iptables mode asks its rules in an arbitrary order. */
export function measuredCount(size: number): number {
  return Math.min(size, mostMeasured);
}

export function serviceAddress(index: number): string {
  if (index < mostMeasured) return `10.96.0.${firstAddress + index}`;
  return `10.96.${1 + (index >> 8)}.${index & 255}`;
}

export function serviceName(index: number): string {
  return `service-${index}`;
}

export const benchNode: object = {
  ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: proxyNodeName } },
  spec: { podCIDR: proxyPodRange, podCIDRs: [proxyPodRange] },
  status: { addresses: [{ type: 'InternalIP', address: proxyNodeAddress }] },
};

export interface ManifestPort {
  readonly name: string;
  readonly protocol: 'TCP' | 'UDP';
  readonly port: number;
  readonly nodePort?: number;
}

const onePort: readonly ManifestPort[] = [{ name: 'tcp-80', protocol: 'TCP', port: 80 }];

export function portsOf(index: number): readonly ManifestPort[] {
  if (index >= mostMeasured) return onePort;
  return (['TCP', 'UDP'] as const).flatMap((protocol) =>
    Object.values(ways).map(({ port, nodePort }) => ({
      ...{ name: `${protocol.toLowerCase()}-${port}`, protocol, port },
      ...(index === 0 && { nodePort }),
    })),
  );
}

export function serviceManifest(
  name: string,
  clusterIP: string,
  ports: readonly ManifestPort[],
): object {
  const type = ports.some(({ nodePort }) => nodePort !== undefined) ? 'NodePort' : 'ClusterIP';
  return {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { namespace: serviceNamespace, name } },
    spec: { type, clusterIP, clusterIPs: [clusterIP], ports },
  };
}

export function sliceManifest(
  service: string,
  addresses: readonly string[],
  ports: readonly ManifestPort[],
): object {
  const labels = { 'kubernetes.io/service-name': service };
  return {
    ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', addressType: 'IPv4' },
    metadata: { namespace: serviceNamespace, name: service, labels },
    endpoints: addresses.map(endpointAt),
    ports: ports.map(({ name, protocol, port }) => ({
      ...{ name, protocol },
      port: Object.values(ways).find((way) => way.port === port)?.target ?? port,
    })),
  };
}

export function endpointAt(address: string): object {
  return { addresses: [address], conditions: { ready: true }, nodeName: proxyNodeName };
}

/** Backends of one Service; no two Services share one. */
export function backendAddresses(index: number, server: string): readonly string[] {
  if (index < mostMeasured) return [server];
  return [1, 2, 3, 4].map((which) => `11.${which}.${index >> 8}.${index & 255}`);
}

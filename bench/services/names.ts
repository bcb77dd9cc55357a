// Names of groups, arms and metrics, which figures, bars and the plot share.

export const defaultSizes: readonly number[] = [1, 100, 1_000, 10_000, 30_000];
export const quickSizes: readonly number[] = [1, 100];

export const arms = {
  direct: "pod's address",
  bare: 'bare veth',
  off: "pod's address, Services off",
  socket: 'heddle, by the socket',
  packets: 'heddle, by packets',
  heddle: 'heddle',
  nftables: 'kube-proxy, nftables',
  iptables: 'kube-proxy, iptables',
} as const;

export const metrics = {
  rate: 'connections, 1 CPU',
  connectP99: 'connect p99, 1 CPU',
  cold: 'cold sync, from process start',
  writing: 'cold sync, after everything was read',
  processor: 'processor time of the cold sync',
  changeP50: 'API write to first connection p50',
  changeP99: 'API write to first connection p99',
  changeProcessor: 'processor time of a change',
  resident: 'resident memory after the changes',
  peak: 'peak memory, with commands',
} as const;

export function sizeName(size: number): string {
  return `${size.toLocaleString('en')} Service${size === 1 ? '' : 's'}`;
}

/** The sizes that groups of figures have, ascending. */
export function sizesOf(groupNames: Iterable<string>): readonly number[] {
  const sizes = new Set<number>();
  for (const name of groupNames) {
    const [, text] = /^([\d,]+) Services?, /.exec(name) ?? [];
    if (text !== undefined) sizes.add(Number(text.replaceAll(',', '')));
  }
  return [...sizes].sort((left, right) => left - right);
}

export const groups = {
  clusterIp: (size: number): string =>
    `${sizeName(size)}, ClusterIP from a pod (ratio to the pod's address)`,
  bare: (size: number): string =>
    `${sizeName(size)}, ClusterIP from a pod (ratio to a bare veth pair)`,
  off: (size: number): string => `${sizeName(size)}, pod to pod (ratio to Services off)`,
  nodePort: (size: number): string =>
    `${sizeName(size)}, node port from outside (ratio to nftables mode)`,
  nodePortIptables: (size: number): string =>
    `${sizeName(size)}, node port from outside (ratio to iptables mode)`,
  sync: (size: number): string => `${sizeName(size)}, sync (ratio to nftables mode)`,
  flat: "connections of the ClusterIP as a share of the pod's address (ratio to the smallest number of Services)",
} as const;

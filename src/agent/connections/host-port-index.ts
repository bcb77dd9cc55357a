// Indexes host ports by the node's end and by the pod's end of a connection.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { isAnyAddress } from '../../net/port-mapping.ts';
import { protocols } from '../../net/protocol.ts';

export interface HostPort {
  readonly pod: Address;
  readonly containerPort: Port;
}

export interface HostPortIndex {
  /** By `hostPortKey`. */
  get(key: string): HostPort | undefined;
  /** Whether a pod has a host port that leads to the source of this packet. */
  isServed(
    protocol: number,
    from: { readonly source: Address; readonly sourcePort?: Port },
  ): boolean;
}

/** `at`: an address of the node, or the family for all of them. */
export function hostPortKey(protocol: number, port: Port, at: Address | AddressFamily): string {
  return `${protocol} ${port} ${at}`;
}

export function hostPortIndex(endpoints: readonly LocalEndpoint[]): HostPortIndex {
  const byNode = new Map<string, HostPort>();
  const byPod = new Set<string>();
  for (const { addresses, portMappings = [] } of endpoints) {
    for (const { protocol, hostPort, containerPort, hostAddress } of portMappings) {
      const number = protocols[protocol];
      for (const pod of addresses) {
        const family = addressFamily(pod);
        if (hostAddress !== undefined && addressFamily(hostAddress) !== family) continue;
        const isAny = hostAddress === undefined || isAnyAddress(hostAddress);
        const key = hostPortKey(number, hostPort, isAny ? family : hostAddress);
        byNode.set(key, { pod, containerPort });
        byPod.add(hostPortKey(number, containerPort, pod));
      }
    }
  }
  return {
    get: (key) => byNode.get(key),
    isServed: (protocol, { source, sourcePort }) =>
      byPod.size > 0 &&
      sourcePort !== undefined &&
      byPod.has(hostPortKey(protocol, sourcePort, source)),
  };
}

// Connection tracking remembers where a UDP client's packets went, and a client that keeps sending keeps that alive: to
// a pod that is gone, or past a host port that came later. NAT looks at its rules for new entries only.

import { deleteConntrack } from '../kernel/conntrack.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Address } from '../net/address.ts';
import { protocols } from '../net/protocol.ts';

/** Whose UDP host ports changed, and the node's own addresses. Throws KernelError. */
export function forgetDatagrams(
  { addresses, portMappings = [] }: LocalEndpoint,
  nodeAddresses: readonly Address[],
): void {
  const ports = portMappings.filter(({ protocol }) => protocol === 'udp');
  if (ports.length === 0) return;
  using socket = NetlinkSocket.open({ family: 'netfilter' });
  for (const { hostPort: destinationPort } of ports) {
    const original = { destinationPort };
    // 1. Those that lead to the pod; 2. those that the node itself answered or refused.
    for (const source of [...addresses, ...nodeAddresses]) {
      deleteConntrack(socket, { protocol: protocols.udp, original, reply: { source } });
    }
  }
}

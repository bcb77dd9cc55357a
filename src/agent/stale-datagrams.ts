// Connection tracking remembers where a UDP client's packets went, and a client that keeps sending keeps that alive: to
// a pod that is gone, or past a host port that came later. NAT looks at its rules for new entries only. An SCTP client that
// tries again does so from the same port, often a fixed one, with the same effect; one of TCP takes another port.

import { deleteConntrack } from '../kernel/conntrack.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Address } from '../net/address.ts';
import { protocols } from '../net/protocol.ts';

/** Whose UDP and SCTP host ports changed, and the node's own addresses. Throws KernelError. */
export function forgetDatagrams(
  { addresses, portMappings = [] }: LocalEndpoint,
  nodeAddresses: readonly Address[],
): void {
  const ports = portMappings.filter(({ protocol }) => protocol !== 'tcp');
  if (ports.length === 0) return;
  using socket = NetlinkSocket.open({ family: 'netfilter' });
  for (const { protocol: name, hostPort: destinationPort } of ports) {
    const protocol = protocols[name];
    const original = { destinationPort };
    // 1. Those that lead to the pod; 2. those that the node itself answered or refused.
    for (const source of [...addresses, ...nodeAddresses]) {
      deleteConntrack(socket, { protocol, original, reply: { source } });
    }
  }
}

// A pod's limits in the kernel, for users and for CHECK. The data path creates and maintains them
// (datapath/host/limits.ts).

import { limitInForce } from '../../datapath/host/token-bucket.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { type Tbf, tbfAt } from '../../kernel/netlink/tbf.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { podQueue } from '../../model/pod-queue.ts';
import type { Bandwidth, RateLimit } from '../../net/bandwidth.ts';

/** Packets from or for a pod that its full queue dropped; undefined if nothing is limited. Throws KernelError. */
export function queueDrops(socket: NetlinkSocket, endpoint: LocalEndpoint): number | undefined {
  // Called every two seconds for every pod, of which hardly any is limited.
  if (endpoint.bandwidth === undefined) return undefined;
  const { ingress, egress } = buckets(socket, endpoint);
  if (ingress === undefined && egress === undefined) return undefined;
  return (ingress?.droppedPackets ?? 0) + (egress?.droppedPackets ?? 0);
}

/** Limits in force, whatever was requested. Throws KernelError. */
export function limitsInForce(
  socket: NetlinkSocket,
  endpoint: LocalEndpoint,
): Bandwidth | undefined {
  const { ingress, egress } = buckets(socket, endpoint);
  if (ingress === undefined && egress === undefined) return undefined;
  const { mtuBytes, bandwidth = {} } = endpoint;
  const limit = (bucket: Tbf, asked: RateLimit | undefined): RateLimit =>
    limitInForce(bucket, { asked, mtuBytes });
  return {
    ...(ingress !== undefined && { ingress: limit(ingress, bandwidth.ingress) }),
    ...(egress !== undefined && { egress: limit(egress, bandwidth.egress) }),
  };
}

/**
 * CHECK: returns a sentence if another process limits the pod's ingress at an interface for which heddle has no limit.
 * The fast path bypasses that queue, so the limit applies to only a little of the traffic.
 */
export function othersLimit(
  socket: NetlinkSocket,
  { hostIfName, hostIfIndex, bandwidth }: LocalEndpoint,
): readonly string[] {
  const found = bandwidth?.ingress === undefined ? tbfAt(socket, hostIfIndex) : undefined;
  if (found === undefined) return [];
  return [
    `interface ${hostIfName} on the node has a limit of ${found.bytesPerSecond} bytes/s that heddle did not set: packets from other pods bypass it; add the capability bandwidth to heddle's CNI configuration`,
  ];
}

function buckets(
  socket: NetlinkSocket,
  endpoint: LocalEndpoint,
): { readonly ingress: Tbf | undefined; readonly egress: Tbf | undefined } {
  const { bandwidth, hostIfIndex } = endpoint;
  const queue = podQueue(endpoint);
  return {
    ingress: bandwidth?.ingress === undefined ? undefined : tbfAt(socket, hostIfIndex),
    egress: queue === undefined ? undefined : tbfAt(socket, queue.ifIndex),
  };
}

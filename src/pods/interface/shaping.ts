// A pod's limits as the kernel has them, for people and for CHECK. They are made and kept by the data path
// (datapath/host/limits.ts).

import { limitInForce } from '../../datapath/host/token-bucket.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { type Tbf, tbfAt } from '../../kernel/netlink/tbf.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { podQueue } from '../../model/pod-queue.ts';
import type { Bandwidth, RateLimit } from '../../net/bandwidth.ts';

/** What came from or for a pod while its queue was full; undefined where nothing is limited. Throws KernelError. */
export function queueDrops(socket: NetlinkSocket, endpoint: LocalEndpoint): number | undefined {
  // Asked every two seconds of every pod, and hardly one is limited.
  if (endpoint.bandwidth === undefined) return undefined;
  const { ingress, egress } = buckets(socket, endpoint);
  if (ingress === undefined && egress === undefined) return undefined;
  return (ingress?.droppedPackets ?? 0) + (egress?.droppedPackets ?? 0);
}

/** The limits that are in force, whatever was asked for. Throws KernelError. */
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
 * CHECK: a sentence when another process limits what the pod receives, at an interface where heddle was asked for no limit. The
 * fast path passes that queue by, so the limit holds for a little of the traffic only.
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

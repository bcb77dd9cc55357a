// What a lost record is made again from, asked of the kernel.

import { nftTableName } from '../datapath/ids.ts';
import type { MapSet } from '../datapath/load/map-set.ts';
import { listedHostPorts } from '../datapath/nft/host-port-listing.ts';
import { isKernelError } from '../kernel/errno.ts';
import { NetworkNamespace } from '../kernel/namespace.ts';
import type { Nftables } from '../kernel/netfilter/nftables.ts';
import { linkByName } from '../kernel/netlink/link.ts';
import { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { queueNames } from '../model/pod-queue.ts';
import type { RateLimit } from '../net/bandwidth.ts';
import { limitAt } from './interface/shaping.ts';
import type { KernelProbe, PodInterface } from './records/recovery.ts';

export interface KernelProbeSources {
  /** In the node's namespace, as `nft` is. */
  readonly socket: NetlinkSocket;
  readonly nft: Pick<Nftables, 'listTable'>;
  readonly maps: Pick<MapSet, 'endpoints'>;
}

export function kernelProbe({ socket, nft, maps }: KernelProbeSources): KernelProbe {
  return {
    link: (name) => linkByName(socket, name),
    entry: (ifindex) => maps.endpoints.get({ ifindex }),
    ingressLimit: (ifIndex, mtuBytes) => limitAt(socket, ifIndex, mtuBytes),
    egressLimit: (pod) => egressLimit(socket, pod),
    hostPorts: (addresses) =>
      listedHostPorts(nft.listTable('inet', nftTableName, { stateless: true }) ?? [], addresses),
  };
}

// Earlier versions kept it at the pod's end. The MAC tells that it is the pod's interface: the path may lead to another's
// namespace by now.
function egressLimit(node: NetlinkSocket, pod: PodInterface): RateLimit | undefined | 'unknown' {
  const { name } = queueNames(pod.hostIfName);
  const queue = linkByName(node, name);
  const limit = queue && limitAt(node, queue.ifIndex, pod.mtuBytes);
  if (limit !== undefined) return limit;
  try {
    using namespace = NetworkNamespace.open(pod.namespacePath);
    using socket = NetlinkSocket.open({ namespace });
    const link = linkByName(socket, pod.ifName);
    return link?.mac === pod.mac ? limitAt(socket, link.ifIndex, pod.mtuBytes) : 'unknown';
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return 'unknown';
  }
}

// UDP sockets of this node's processes that are connected to a backend which no longer serves. They would send there for
// ever: the Service's address was replaced when they connected. They are destroyed, and their processes connect again.

import type { ConnectedSocket } from '../../datapath/generated.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { NetworkNamespace } from '../../kernel/namespace.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { destroyUdp, listConnectedUdp } from '../../kernel/sockets/udp-socket.ts';

export interface StaleSocketsOptions {
  /** Map `connected_sockets`. */
  connected(): Iterable<readonly [cookie: number, socket: ConnectedSocket]>;
  isStale(socket: ConnectedSocket): boolean;
  /** Default: the thread's own namespace. */
  readonly namespace?: NetworkNamespace | undefined;
}

const udp = 17;

/** Returns how many were destroyed. Throws KernelError. */
export function destroyStaleSockets(options: StaleSocketsOptions): number {
  const { connected, isStale, namespace } = options;
  const stale = new Set<number>();
  for (const [cookie, socket] of connected())
    if (socket.protocol === udp && isStale(socket)) stale.add(cookie);
  if (stale.size === 0) return 0;
  using socket = NetlinkSocket.open({ family: 'socketDiagnosis', namespace });
  let destroyed = 0;
  for (const found of listConnectedUdp(socket)) {
    if (!stale.has(found.cookie)) continue;
    try {
      destroyUdp(socket, found);
      destroyed++;
    } catch (error) {
      if (!isKernelError(error, 'ENOENT')) throw error;
    }
  }
  return destroyed;
}

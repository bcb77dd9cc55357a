// Queries the kernel for the contents of a lost record.

import type { MapSet } from '../datapath/load/map-set.ts';
import { linkByName } from '../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { KernelProbe } from './records/recovery.ts';

export interface KernelProbeSources {
  /** In the node's namespace. */
  readonly socket: NetlinkSocket;
  readonly maps: Pick<MapSet, 'endpoints'>;
}

export function kernelProbe({ socket, maps }: KernelProbeSources): KernelProbe {
  return {
    link: (name) => linkByName(socket, name),
    entry: (ifindex) => maps.endpoints.get({ ifindex }),
  };
}

// Removes a pod's queue from use together with the pod's interface: its names are free immediately, and it is deleted
// with the interface (removal.ts).

import { batch } from '../../kernel/netlink/batch.ts';
import { linkByName, setLink } from '../../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { doomedGroup } from '../../model/ids.ts';
import { queueNames } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EndpointRecord } from '../records/record.ts';
import { doomedName } from './names.ts';

/**
 * Returns one of its ends, which is now in `doomedGroup`; undefined without a queue. Without a record it is searched
 * for.
 */
export function discardQueue(
  node: NetlinkSocket,
  hostIfName: string,
  record: Pick<EndpointRecord, 'bandwidth'> | undefined,
): IfIndex | undefined {
  if (record !== undefined && record.bandwidth?.egress === undefined) return undefined;
  const { name, farName } = queueNames(hostIfName);
  const ends = [name, farName].flatMap((end) => linkByName(node, end)?.ifIndex ?? []);
  // An interface that fails here no longer exists, or is found by its name in the next settle.
  batch(node, (requests) => {
    for (const ifIndex of ends) {
      setLink(requests, { ifIndex, up: false, name: doomedName(ifIndex), group: doomedGroup });
    }
  });
  return ends[0];
}

// Next-hop objects of a pod that is being deleted. When an interface goes down, the kernel removes its objects at once:
// for each one it rewrites all groups that contain it and waits for all CPUs, with the RTNL lock held. A few thousand
// objects in a hundred groups would stop all changes to the node's interfaces for ten seconds, and with them the agent.
// Each removal by request holds the lock for milliseconds at most, and after the groups the rest is cheap.

import { Slots } from '../../base/slots.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { NetworkNamespace } from '../../kernel/namespace.ts';
import { batchAside } from '../../kernel/netlink/batch.ts';
import { linkByIndex } from '../../kernel/netlink/link.ts';
import {
  delNextHop,
  listNextHopObjects,
  nextHopListing,
  readNextHopId,
} from '../../kernel/netlink/next-hop-object.ts';
import { hasMoreThan } from '../../kernel/netlink/partial-listing.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { IfIndex } from '../../net/if-index.ts';

// Removing one takes at most some milliseconds.
const mostObjects = 64;
const requestsAtOnce = 16;
// Container runtimes wait for a DEL much longer.
const longestMs = 15_000;
const loopback = 1 as IfIndex;
// One namespace at a time: the requests of other pods' ADDs wait for the same threads.
const turns = new Slots(1);

/** Whether the kernel would take long to remove them. Throws KernelError. */
export function hasManyNextHops(pod: NetlinkSocket): boolean {
  try {
    return hasMoreThan(pod, mostObjects, listNextHopObjects);
  } catch (error) {
    if (isTooLong(error)) return true;
    throw error;
  }
}

/**
 * Removes all next-hop objects of the namespace, those of its other interfaces too: it is about to be deleted. Ends
 * after some time even if the pod adds more. Rejects with KernelError.
 */
export function removeNextHops(pod: NetlinkSocket, namespace: NetworkNamespace): Promise<void> {
  return turns.run(() => removeInOrder(pod, namespace));
}

async function removeInOrder(pod: NetlinkSocket, namespace: NetworkNamespace): Promise<void> {
  const deadlineMs = performance.now() + longestMs;
  // Groups first: then an object is in none. Those that cannot be listed end with their last member.
  for (const kind of ['groups', 4, 6] as const) {
    using list = NetlinkSocket.open({ namespace });
    // The kernel adapts the size of its answers to the largest buffer that the socket has received into.
    linkByIndex(list, loopback);
    try {
      for await (const ids of list.dumpInPieces(nextHopListing(kind), readNextHopId)) {
        await removeAll(pod, ids, deadlineMs);
        if (performance.now() > deadlineMs) return;
      }
    } catch (error) {
      if (!isTooLong(error)) throw error;
    }
  }
}

async function removeAll(
  pod: NetlinkSocket,
  ids: readonly number[],
  deadlineMs: number,
): Promise<void> {
  for (let start = 0; start < ids.length; start += requestsAtOnce) {
    if (performance.now() > deadlineMs) return;
    // One that fails was removed with another.
    await batchAside(pod, (requests) => {
      for (const id of ids.slice(start, start + requestsAtOnce)) delNextHop(requests, id);
    });
  }
}

// A group whose members do not fit into one part of a listing.
function isTooLong(error: unknown): boolean {
  return isKernelError(error, 'EMSGSIZE');
}

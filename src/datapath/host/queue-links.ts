// The two ends of a pod's queue as links: a veth with a token bucket at one end and the pods' program at the other.

import { isKernelError } from '../../kernel/errno.ts';
import { delLink, linkByIndex, linkByName, setLink } from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { addClsact, clsactOf } from '../../kernel/netlink/qdisc.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { replaceTbf } from '../../kernel/netlink/tbf.ts';
import { addVeth } from '../../kernel/netlink/veth.ts';
import { ownMacs, podBlocks } from '../../model/ids.ts';
import { isQueueName, type PodQueue } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { Bucket } from './token-bucket.ts';

/** The maximum packet length, because a pod sets the MTU of its end as it likes. */
const queueMtuBytes = 65_535;

export function isSoundQueue(
  { name, ifIndex, farName, farIfIndex }: PodQueue,
  links: ReadonlyMap<IfIndex, Link>,
): boolean {
  const near = links.get(ifIndex);
  const far = links.get(farIfIndex);
  return (
    near !== undefined &&
    far !== undefined &&
    isPair(near, far) &&
    [near, far].every(({ up, mtuBytes }) => up && mtuBytes === queueMtuBytes) &&
    near.name === name &&
    far.name === farName
  );
}

/**
 * Creates or restores it. No packet passes before the bucket and the program are in place. Throws KernelError (EBUSY:
 * another interface has the index).
 */
export function makeQueue(
  socket: NetlinkSocket,
  queue: PodQueue,
  bucket: Bucket | undefined,
): void {
  const { name, ifIndex, farName, farIfIndex } = queue;
  const near = linkByIndex(socket, ifIndex);
  const far = linkByIndex(socket, farIfIndex);
  const isThere = near !== undefined && far !== undefined && isPair(near, far);
  if (!isThere) {
    for (const taken of [near, far, linkByName(socket, name), linkByName(socket, farName)]) {
      if (taken !== undefined && isQueueName(taken.name)) removeQueue(socket, taken.ifIndex);
    }
    addVeth(socket, {
      ...{ name, ifIndex, mac: ownMacs.queue, mtuBytes: queueMtuBytes },
      peer: { name: farName, ifIndex: farIfIndex, mac: ownMacs.queue, mtuBytes: queueMtuBytes },
    });
    for (const end of [ifIndex, farIfIndex]) withoutAddresses(socket, end);
  }
  if (bucket !== undefined) replaceTbf(socket, { ifIndex, ...bucket });
  if (clsactOf(socket, farIfIndex) === undefined) addClsact(socket, farIfIndex, podBlocks);
  setLink(socket, { ifIndex: farIfIndex, name: farName, mtuBytes: queueMtuBytes, up: true });
  setLink(socket, { ifIndex, name, mtuBytes: queueMtuBytes, up: true });
}

/** A missing one is fine. Throws KernelError. */
export function removeQueue(socket: NetlinkSocket, ifIndex: IfIndex): void {
  try {
    const name = linkByIndex(socket, ifIndex)?.name;
    if (name !== undefined && isQueueName(name)) delLink(socket, ifIndex);
  } catch (error) {
    if (!isKernelError(error, 'ENODEV')) throw error;
  }
}

function isPair(near: Link, far: Link): boolean {
  return (
    near.kind === 'veth' &&
    near.peerIfIndex === far.ifIndex &&
    far.peerIfIndex === near.ifIndex &&
    near.linkNamespaceId === undefined
  );
}

function withoutAddresses(socket: NetlinkSocket, ifIndex: IfIndex): void {
  try {
    setLink(socket, { ifIndex, addrGenMode: 'none' });
  } catch (error) {
    // A kernel started without IPv6 has no mode to set.
    if (!isKernelError(error, 'EAFNOSUPPORT')) throw error;
  }
}

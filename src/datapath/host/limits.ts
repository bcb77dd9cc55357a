// Pods' limits: a token bucket at the host end of the pod's veth limits its ingress, one at the entrance of a separate
// queue its egress (model/pod-queue.ts, bpf/limit.h). The pod reaches neither, and limits removed by other processes
// are restored.

import { listLinks } from '../../kernel/netlink/link.ts';
import type { Link } from '../../kernel/netlink/link-record.ts';
import { steadyListing } from '../../kernel/netlink/protocol/steady-listing.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { replaceTbf, tbfAt } from '../../kernel/netlink/tbf.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { isQueueName, type PodQueue, podQueue } from '../../model/pod-queue.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EntryGroup, Keyed, Table } from '../../reconcile/table.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import { writeEach } from '../writes.ts';
import { isSoundQueue, makeQueue, removeQueue } from './queue-links.ts';
import { type Bucket, bucketOf, isSameBucket } from './token-bucket.ts';

export interface LimitEntry {
  /** Name of the interface with the queue. */
  readonly name: string;
  readonly ifIndex: IfIndex;
  /** Absent: there is none. */
  readonly bucket?: Bucket | undefined;
  /** For packets that the pod sends. */
  readonly queue?: PodQueue | undefined;
  /** Whether both ends of the queue are unchanged. */
  readonly sound: boolean;
}

export function limitContents(): StateContents<LimitEntry> {
  return ofEachEndpoint(limitEntriesOf);
}

export function limitEntriesOf(endpoint: LocalEndpoint): EntryGroup<LimitEntry> {
  const { hostIfName, hostIfIndex, bandwidth, mtuBytes } = endpoint;
  const { ingress, egress } = bandwidth ?? {};
  const queue = podQueue(endpoint);
  const entries: Keyed<LimitEntry>[] = [];
  if (ingress !== undefined) {
    const bucket = bucketOf(ingress, mtuBytes);
    const entry = { name: hostIfName, ifIndex: hostIfIndex, bucket, sound: true };
    entries.push([hostIfName, entry]);
  }
  if (egress !== undefined && queue !== undefined) {
    const { name, ifIndex } = queue;
    const bucket = bucketOf(egress, mtuBytes);
    entries.push([name, { name, ifIndex, bucket, queue, sound: true }]);
  }
  return entries;
}

/**
 * Heddle's queues are identified by name; ingress buckets are checked only where a limit is desired. `hasQueues`:
 * whether the node has any queue, desired or not, as of the latest listing of its links, which precedes every fresh
 * listing. Most nodes have none, and need not list a thousand links to find that out.
 */
export function limitTable(
  socket: NetlinkSocket,
  hasQueues: () => boolean = () => true,
): Table<LimitEntry> {
  const key = ({ name }: LimitEntry): string => name;
  const listQueues = steadyListing(
    socket,
    (dumps): ReadonlyMap<IfIndex, Link> =>
      new Map(
        listLinks(dumps, { kind: 'veth' })
          .filter(({ name }) => isQueueName(name))
          .map((link) => [link.ifIndex, link]),
      ),
  );
  return {
    name: 'limits',
    key,
    equal: isSame,
    list: (desired) => {
      const isWanted = [...desired.values()].some(({ queue }) => queue !== undefined);
      const queues = isWanted || hasQueues() ? listQueues() : noQueues;
      const found = new Map(orphans(queues, desired));
      for (const [name, entry] of desired) found.set(name, inKernel(socket, entry, queues));
      return found;
    },
    set: (wanted) =>
      writeEach(wanted, {
        key,
        write: ({ ifIndex, bucket, queue }) => {
          if (queue !== undefined) makeQueue(socket, queue, bucket);
          else if (bucket !== undefined) replaceTbf(socket, { ifIndex, ...bucket });
        },
      }),
    // An ingress bucket is deleted with its interface.
    delete: (surplus) =>
      writeEach(surplus, {
        key,
        ignored: ['ENODEV'],
        write: ({ name, ifIndex }) => {
          if (isQueueName(name)) removeQueue(socket, ifIndex);
        },
      }),
  };
}

const noQueues: ReadonlyMap<IfIndex, Link> = new Map();

function isSame(left: LimitEntry, right: LimitEntry): boolean {
  const isSameLimit =
    left.bucket !== undefined &&
    right.bucket !== undefined &&
    isSameBucket(left.bucket, right.bucket);
  return isSameLimit && left.ifIndex === right.ifIndex && left.sound === right.sound;
}

function inKernel(
  socket: NetlinkSocket,
  { name, ifIndex, queue }: LimitEntry,
  queues: ReadonlyMap<IfIndex, Link>,
): LimitEntry {
  const bucket = tbfAt(socket, ifIndex);
  const sound = queue === undefined || isSoundQueue(queue, queues);
  return { name, ifIndex, bucket, queue, sound };
}

// Queues whose pod was deleted while no agent ran. The far end is deleted with the near one.
function orphans(
  queues: ReadonlyMap<IfIndex, Link>,
  desired: ReadonlyMap<string, LimitEntry>,
): readonly Keyed<LimitEntry>[] {
  const known = new Set(
    Array.from(desired.values(), ({ queue }) => [queue?.ifIndex, queue?.farIfIndex]).flat(),
  );
  return Array.from(queues.values(), ({ name, ifIndex }): Keyed<LimitEntry> => {
    return [name, { name, ifIndex, sound: false }];
  }).filter(([, { ifIndex }]) => !known.has(ifIndex));
}

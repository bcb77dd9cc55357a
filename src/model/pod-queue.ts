// The queue of a limited pod on the node's side: a veth with both ends on the node. Names and indices are derived from
// the pod's own interface, so no record has to store them, and a recreated queue is the same to the data path.

import type { IfIndex } from '../net/if-index.ts';
import type { LocalEndpoint } from './endpoint.ts';
import { podLinkPrefix, queueOffsets, queuePrefixes } from './ids.ts';

export interface PodQueue {
  /** Packets sent into this end wait. `hdq` + 11 hex digits. */
  readonly name: string;
  readonly ifIndex: IfIndex;
  /** They come out of this end. `hdr` + 11 hex digits. */
  readonly farName: string;
  readonly farIfIndex: IfIndex;
}

/** For packets that the pod sends; undefined if they are not limited. */
export function podQueue(
  endpoint: Pick<LocalEndpoint, 'hostIfName' | 'hostIfIndex' | 'bandwidth'>,
): PodQueue | undefined {
  if (endpoint.bandwidth?.egress === undefined) return undefined;
  const { hostIfName, hostIfIndex } = endpoint;
  return {
    ...queueNames(hostIfName),
    ifIndex: (hostIfIndex + queueOffsets.near) as IfIndex,
    farIfIndex: (hostIfIndex + queueOffsets.far) as IfIndex,
  };
}

/** `hostIfName`: name of the pod's interface on the node. */
export function queueNames(hostIfName: string): Pick<PodQueue, 'name' | 'farName'> {
  const digits = hostIfName.slice(podLinkPrefix.length);
  return { name: `${queuePrefixes.near}${digits}`, farName: `${queuePrefixes.far}${digits}` };
}

/** Whether it is either end of a pod's queue. */
export function isQueueName(name: string): boolean {
  return queueName.test(name);
}

const queueName = new RegExp(`^(${queuePrefixes.near}|${queuePrefixes.far})[0-9a-f]{11}$`);

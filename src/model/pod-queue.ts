// Where a limited pod's packets wait on the node's side: a veth of which both ends are the node's. Names and indices follow
// from the pod's own interface, so that no record has to say them, and a queue made again is the same to the data path.

import type { IfIndex } from '../net/if-index.ts';
import type { LocalEndpoint } from './endpoint.ts';

export interface PodQueue {
  /** What goes in here waits. `hdq` + 11 hex digits. */
  readonly name: string;
  readonly ifIndex: IfIndex;
  /** Comes out here. `hdr` + 11 hex digits. */
  readonly farName: string;
  readonly farIfIndex: IfIndex;
}

// The kernel counts up from 1 and passes these by. The second is QUEUE_FAR_END of bpf/limit.h.
const queueOffset = 2 ** 29;
const farEndOffset = 2 ** 30;

/** Of what the pod sends; undefined where that is not limited. */
export function podQueue(
  endpoint: Pick<LocalEndpoint, 'hostIfName' | 'hostIfIndex' | 'bandwidth'>,
): PodQueue | undefined {
  if (endpoint.bandwidth?.egress === undefined) return undefined;
  const { hostIfName, hostIfIndex } = endpoint;
  return {
    ...queueNames(hostIfName),
    ifIndex: (hostIfIndex + queueOffset) as IfIndex,
    farIfIndex: (hostIfIndex + farEndOffset) as IfIndex,
  };
}

/** `hostIfName`: of the pod's interface on the node. */
export function queueNames(hostIfName: string): Pick<PodQueue, 'name' | 'farName'> {
  const digits = hostIfName.slice(2);
  return { name: `hdq${digits}`, farName: `hdr${digits}` };
}

/** Either end of a pod's queue. */
export function isQueueName(name: string): boolean {
  return /^hd[qr][0-9a-f]{11}$/.test(name);
}

// The pods of this node.

import type { Bandwidth } from '../net/bandwidth.ts';

/** GET /v1/endpoints: EndpointView[], ordered by id. */
export interface EndpointView {
  readonly id: number;
  readonly containerId: string;
  readonly ifName: string;
  readonly pod?: PodName;
  readonly addresses: readonly string[];
  readonly mac: string;
  readonly hostIfName: string;
  readonly hostIfIndex: number;
  readonly mtuBytes: number;
  readonly createdAt: string;
  /** Its record was lost and made again: limits, host ports and names that it had are lost. */
  readonly isRecovered?: true | undefined;
  /** In force, as the kernel has it. Absent: it may send and receive without limit. */
  readonly bandwidth?: Bandwidth | undefined;
  /** Asked for, and missing in the kernel; the agent puts them back. Absent: none is. */
  readonly missingLimits?: readonly (keyof Bandwidth)[] | undefined;
  /** Absent until the data path counts for it. */
  readonly traffic?: EndpointTraffic;
  /** Dropped because the queue of a limit was full: counted as received before, or not yet counted as sent. Absent where
   * nothing is limited. */
  readonly queueDroppedPackets?: number | undefined;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** Always seen from the pod. */
export interface EndpointTraffic {
  readonly ingress: TrafficCount;
  readonly egress: TrafficCount;
}

export interface TrafficCount {
  readonly packets: number;
  readonly bytes: number;
  readonly droppedPackets: number;
}

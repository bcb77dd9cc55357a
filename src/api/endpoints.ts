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
  /** Its record was lost and rebuilt: its limits, host ports and names are lost. */
  readonly isRecovered?: true | undefined;
  /** Limits in force, as the kernel has them. Absent: no limits. */
  readonly bandwidth?: Bandwidth | undefined;
  /** Requested limits that are missing in the kernel; the agent restores them. Absent: none. */
  readonly missingLimits?: readonly (keyof Bandwidth)[] | undefined;
  /** Absent until the data path counts for it. */
  readonly traffic?: EndpointTraffic;
  /**
   * Packets dropped because the queue of a limit was full: already counted as received, or not yet counted as sent.
   * Absent if nothing is limited.
   */
  readonly queueDroppedPackets?: number | undefined;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** From the pod's point of view. */
export interface EndpointTraffic {
  readonly ingress: TrafficCount;
  readonly egress: TrafficCount;
}

export interface TrafficCount {
  readonly packets: number;
  readonly bytes: number;
  readonly droppedPackets: number;
}

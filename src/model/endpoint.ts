// A local pod interface managed by heddle: created by CNI ADD, kept in the agent's endpoint store, never edited.

import type { Brand } from '../base/brand.ts';
import type { Address } from '../net/address.ts';
import type { Bandwidth } from '../net/bandwidth.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { Mac } from '../net/mac.ts';
import type { PortMapping } from '../net/port-mapping.ts';

/** 1 to the number of endpoints that fit into the data path: a slot of its counters. */
export type EndpointId = Brand<number, 'EndpointId'>;

export interface LocalEndpoint {
  /** Fixed for the endpoint's life. */
  readonly id: EndpointId;
  readonly containerId: string;
  /** Name inside the pod: `eth0`. */
  readonly ifName: string;
  readonly namespacePath: string;
  /** Host end of the veth: `hd` + 11 hex digits. */
  readonly hostIfName: string;
  readonly hostIfIndex: IfIndex;
  /** MAC of the pod's end. */
  readonly mac: Mac;
  /** At most one per family. */
  readonly addresses: readonly Address[];
  readonly mtuBytes: number;
  /** Absent: no limits. */
  readonly bandwidth?: Bandwidth | undefined;
  /** Absent for containers that were not started for a Kubernetes pod. */
  readonly pod?: {
    readonly namespace: string;
    readonly name: string;
    readonly uid?: string | undefined;
  };
  /** Name of the CNI network configuration used for ADD; absent in records of versions that did not store it. */
  readonly network?: string;
  /** Ports of the node that lead here; absent: none. */
  readonly portMappings?: readonly PortMapping[] | undefined;
  /**
   * Its record was lost and rebuilt from the kernel: its limits, host ports and names are unknown. CHECK fails, so that
   * the runtime adds the pod again.
   */
  readonly isRecovered?: true | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
}

// A local pod interface that we manage: written by CNI ADD, kept in the agent's endpoint store, never edited.

import type { Brand } from '../base/brand.ts';
import type { Address } from '../net/address.ts';
import type { Bandwidth } from '../net/bandwidth.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { Mac } from '../net/mac.ts';
import type { PortMapping } from '../net/port-mapping.ts';

/** 1 to the number of endpoints that the data path has room for: a slot of its counters. */
export type EndpointId = Brand<number, 'EndpointId'>;

export interface LocalEndpoint {
  /** Stable for the endpoint's life. */
  readonly id: EndpointId;
  readonly containerId: string;
  /** Inside the pod: `eth0`. */
  readonly ifName: string;
  readonly namespacePath: string;
  /** The veth on the node's side: `hd` + 11 hex digits. */
  readonly hostIfName: string;
  readonly hostIfIndex: IfIndex;
  /** Of the pod's side. */
  readonly mac: Mac;
  /** At most one a family. */
  readonly addresses: readonly Address[];
  readonly mtuBytes: number;
  /** Absent: it may send and receive without limit. */
  readonly bandwidth?: Bandwidth | undefined;
  /** Absent for containers that no Kubernetes-like runtime started. */
  readonly pod?: {
    readonly namespace: string;
    readonly name: string;
    readonly uid?: string | undefined;
  };
  /** Of the CNI network configuration that it was added by; absent in records of versions that did not keep it. */
  readonly network?: string;
  /** Ports of the node that lead here; absent: none. */
  readonly portMappings?: readonly PortMapping[] | undefined;
  /**
   * Its record was lost and made again from the kernel: limits, host ports and names that it had are not known. CHECK fails, so
   * that the runtime adds the pod again.
   */
  readonly isRecovered?: true | undefined;
  /** ISO 8601. */
  readonly createdAt: string;
}

// The kernel operations that Pods needs, so that the order of its steps can be tested without a kernel. Implemented by
// veth-wiring.ts.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EndpointRecord, EndpointReservation } from '../records/record.ts';

export interface PodWiring {
  /** Throws CniError (invalidNamespace) if it is not a network namespace, or the node's own. */
  open(namespacePath: string): PodNamespace;
  /** Undefined if there is no such interface on the node. `known`: its former index, in case it was renamed. */
  hostIfIndex(hostIfName: string, known?: IfIndex): IfIndex | undefined;
  /** Names of all interfaces that are pods' by name and MAC. */
  interfaces(): readonly string[];
  /**
   * Removes the interface from the node and the pod; `record` helps to find it. A missing one is fine. When it
   * resolves, no packet passes any more and both names are free.
   */
  unwire(hostIfName: string, record?: EndpointRecord): Promise<void>;
}

/** A pod's network namespace, open. */
export interface PodNamespace extends Disposable {
  hasInterface(name: string): boolean;
  /**
   * Creates the interface and everything that belongs to it in the namespace. Undefined if its name, here or on the
   * node, exists: then nothing was created. After a rejection, `unwire` removes the parts that were created.
   */
  wire(reservation: EndpointReservation): Promise<IfIndex | undefined>;
  /**
   * Differences between the kernel's state and the result of `wire`, one sentence each; additions by others are
   * ignored.
   */
  differences(endpoint: LocalEndpoint): readonly string[];
}

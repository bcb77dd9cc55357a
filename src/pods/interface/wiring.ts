// What Pods needs of the kernel, so that the order of its steps can be tested without one. veth-wiring.ts does it.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EndpointRecord, EndpointReservation } from '../records/record.ts';

export interface PodWiring {
  /** Throws CniError (invalidNamespace) when it is no network namespace, or the node's own. */
  open(namespacePath: string): PodNamespace;
  /** Undefined when there is no such interface on the node. `known`: the index it had, should it have been renamed. */
  hostIfIndex(hostIfName: string, known?: IfIndex): IfIndex | undefined;
  /** Names of all that are pods' by name and MAC. */
  interfaces(): readonly string[];
  /** Takes the interface off the node and out of the pod, where `record` helps to find it; fine when it is gone. When it
   * resolves, nothing passes any more and both names are free. */
  unwire(hostIfName: string, record?: EndpointRecord): Promise<void>;
}

/** A pod's network namespace, open. */
export interface PodNamespace extends Disposable {
  hasInterface(name: string): boolean;
  /** Makes the interface and everything in the namespace that belongs to it. Undefined when its name, here or on the node, is
   * taken: then nothing was made. When it rejects, `unwire` takes away what was. */
  wire(reservation: EndpointReservation): Promise<IfIndex | undefined>;
  /** Where the kernel has it other than `wire` made it, a sentence each; what others added is left alone. */
  differences(endpoint: LocalEndpoint): readonly string[];
}

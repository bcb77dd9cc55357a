// Checks whether the host ports that a new pod requests are available on this node.

import { podOrContainer } from '../base/namespaced-name.ts';
import { CniError, cniErrorCode } from '../cni/error.ts';
import { type Address, addressFamily } from '../net/address.ts';
import { describeHostPort, type PortMapping, TakenPorts } from '../net/port-mapping.ts';
import type { EndpointRecord } from './records/record.ts';

export interface WantedPorts {
  readonly mappings: readonly PortMapping[];
  /** Addresses of the new pod. */
  readonly addresses: readonly Address[];
  /** All records with host ports, in any state. */
  readonly records: readonly EndpointRecord[];
}

/** Throws CniError: hostPortTaken naming the owner, or unsupportedField. */
export function checkPortMappings({ mappings, addresses, records }: WantedPorts): void {
  const families = new Set(addresses.map(addressFamily));
  if (mappings.length === 0) return;
  const taken = takenBy(records);
  for (const wanted of mappings) {
    const { hostAddress } = wanted;
    if (hostAddress !== undefined && !families.has(addressFamily(hostAddress))) {
      const text = `host port ${describeHostPort(wanted)}: the pod has no IPv${addressFamily(hostAddress)} address`;
      throw new CniError(cniErrorCode.unsupportedField, text);
    }
    const holder = taken.ownerOf(wanted);
    if (holder !== undefined) throw portTaken(wanted, holder);
  }
}

function takenBy(records: readonly EndpointRecord[]): TakenPorts<EndpointRecord> {
  const taken = new TakenPorts<EndpointRecord>();
  for (const record of records) {
    for (const held of record.portMappings ?? []) taken.add(held, record);
  }
  return taken;
}

function portTaken(wanted: PortMapping, holder: EndpointRecord): CniError {
  const text = `host port ${describeHostPort(wanted)} is used by ${podOrContainer(holder)}`;
  return new CniError(cniErrorCode.hostPortTaken, text, {
    details: 'delete that pod, or choose another host port or another hostIP',
  });
}

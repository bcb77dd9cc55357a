// Checks whether the host ports that a new pod requests are available on this node.

import { podOrContainer } from '../base/namespaced-name.ts';
import { CniError, cniErrorCode } from '../cni/error.ts';
import { type Address, addressFamily } from '../net/address.ts';
import { describeHostPort, type PortMapping, TakenPorts } from '../net/port-mapping.ts';
import type { EndpointRecord } from './records/record.ts';

/** A port on which the agent or the data path itself is reached. */
export interface OwnPort {
  /** Which packets reach it; `containerPort` means nothing. */
  readonly mapping: PortMapping;
  /** The configuration's key: `health.address`. */
  readonly key: string;
}

export interface WantedPorts {
  readonly mappings: readonly PortMapping[];
  /** Addresses of the new pod. */
  readonly addresses: readonly Address[];
  /** All records with host ports, in any state. */
  readonly records: readonly EndpointRecord[];
  /** A pod that got one would answer in the agent's place, or get other nodes' tunnels. */
  readonly ownPorts: readonly OwnPort[];
}

/** Throws CniError: hostPortTaken naming the owner, or unsupportedField. */
export function checkPortMappings(wantedPorts: WantedPorts): void {
  const { mappings, addresses } = wantedPorts;
  const families = new Set(addresses.map(addressFamily));
  if (mappings.length === 0) return;
  const taken = takenPorts(wantedPorts);
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

interface Holder {
  readonly name: string;
  /** How the port becomes free. */
  readonly remedy: string;
}

function takenPorts({ records, ownPorts }: WantedPorts): TakenPorts<Holder> {
  const taken = new TakenPorts<Holder>();
  for (const { mapping, key } of ownPorts) {
    taken.add(mapping, { name: `heddle itself (${key})`, remedy: `change ${key}` });
  }
  for (const record of records) {
    const holder = { name: podOrContainer(record), remedy: 'delete that pod' };
    for (const held of record.portMappings ?? []) taken.add(held, holder);
  }
  return taken;
}

function portTaken(wanted: PortMapping, { name, remedy }: Holder): CniError {
  const text = `host port ${describeHostPort(wanted)} is used by ${name}`;
  return new CniError(cniErrorCode.hostPortTaken, text, {
    details: `${remedy}, or choose another host port or another hostIP`,
  });
}

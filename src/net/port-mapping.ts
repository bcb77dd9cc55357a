// A port of the node that leads to a port of a pod, as CNI's `portMappings` capability asks for it.

import { type Address, addressFamily } from './address.ts';
import type { Port } from './port.ts';

export type MappedProtocol = 'tcp' | 'udp' | 'sctp';

export interface PortMapping {
  readonly protocol: MappedProtocol;
  readonly hostPort: Port;
  readonly containerPort: Port;
  /** Absent: every address of the node, of both families. `0.0.0.0` and `::`: every one of their family. */
  readonly hostAddress?: Address | undefined;
}

/** Would one packet have both to choose from? */
export function portMappingsOverlap(left: PortMapping, right: PortMapping): boolean {
  if (left.protocol !== right.protocol || left.hostPort !== right.hostPort) return false;
  const [one, other] = [left.hostAddress, right.hostAddress];
  if (one === undefined || other === undefined || one === other) return true;
  const isOfOneFamily = addressFamily(one) === addressFamily(other);
  return isOfOneFamily && (isAnyAddress(one) || isAnyAddress(other));
}

export function isAnyAddress(address: Address): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** `tcp 8080`, `udp 192.0.2.1 53`: what is taken on the node. */
export function describeHostPort({ protocol, hostAddress, hostPort }: PortMapping): string {
  return [protocol, hostAddress, hostPort].filter((word) => word !== undefined).join(' ');
}

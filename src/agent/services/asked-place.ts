// Which address of the node a process means that connects to a loopback or an unspecified address.

import type { ServiceContext } from '../../model/services/resolve.ts';
import { type Address, addressFamily } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';

export interface AskedPlace {
  readonly address: Address;
  readonly port: Port;
}

/**
 * A node port at a loopback or unspecified address is the node port at an address of the node, as for the programs at
 * sockets (`is_loopback` in bpf/socket-service.h). Any other place is unchanged.
 */
export function askedPlace(
  { nodePortAddresses }: Pick<ServiceContext, 'nodePortAddresses'>,
  to: AskedPlace,
): AskedPlace {
  if (!meansTheNode(to.address)) return to;
  const family = addressFamily(to.address);
  const own = nodePortAddresses.find((address) => addressFamily(address) === family);
  return own === undefined ? to : { ...to, address: own };
}

function meansTheNode(address: Address): boolean {
  return address === '::1' || address === '::' || address === '0.0.0.0' || /^127\./.test(address);
}

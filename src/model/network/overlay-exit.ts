// The interface by which pods' packets leave the node already encapsulated, without the VXLAN device.

import { addressFamily } from '../../net/address.ts';
import type { OverlayExit } from '../desired.ts';
import type { HostFacts, Uplink } from '../host.ts';
import type { NetworkNode } from '../network-nodes.ts';

/**
 * The uplink with the IPv4 address to which the other nodes send, so that their packets come from there, too. Without
 * one, everything is left to the device: if that address is not an uplink's (loopback, with a routing protocol), if the
 * uplink has no Ethernet, if a route on it has a smaller MTU (only the device fragments), and if the node has IPsec
 * policies, which apply only to packets of the device.
 */
export function overlayExit(
  { uplinks, hasIpsec }: HostFacts,
  own: NetworkNode | undefined,
): OverlayExit | undefined {
  const address = own?.addresses.find((candidate) => addressFamily(candidate) === 4);
  if (address === undefined || hasIpsec) return undefined;
  const uplink = uplinks.find(({ addresses }) =>
    addresses.some((each) => each.address === address),
  );
  return uplink !== undefined && serves(uplink) ? { ifIndex: uplink.ifIndex, address } : undefined;
}

function serves({ mac, mtuBytes, routeMtuBytes = mtuBytes }: Uplink): boolean {
  return mac !== undefined && routeMtuBytes >= mtuBytes;
}

// Where pods' packets leave the node already encapsulated, beside the VXLAN device.

import { addressFamily } from '../../net/address.ts';
import type { OverlayExit } from '../desired.ts';
import type { HostFacts, Uplink } from '../host.ts';
import type { NetworkNode } from '../network-nodes.ts';

/**
 * The uplink with the IPv4 address that the other nodes send to, so that what they get comes from there too. None, and all
 * is left to the device: where that address is no uplink's (loopback, with a routing protocol), where the uplink has no
 * Ethernet, where a route out of it carries less than it does, by which only the device fragments, and where the node has
 * policies of IPsec, which only what the device sends is held to.
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

// The VXLAN device, equal on every node.

import { type Mac, parseMac } from '../../net/mac.ts';

export const overlayDeviceName = 'heddle_vxlan';

/**
 * Locally administered. The pods' gateway has it too, so that a pod's frames arrive addressed to the device of the
 * other node.
 */
export const overlayMac: Mac = parseMac('02:68:65:64:64:6c');

/**
 * Whether a link is the device, under any name: no other network uses this MAC for a device that takes its tunnel keys
 * from packets.
 */
export function isOverlayDevice({ mac, vxlan }: OverlayTraits): boolean {
  return mac === overlayMac && vxlan?.collectMetadata === true;
}

interface OverlayTraits {
  readonly mac?: Mac;
  readonly vxlan?: { readonly collectMetadata: boolean };
}

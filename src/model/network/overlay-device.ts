// The VXLAN device, equal on every node.

import type { Mac } from '../../net/mac.ts';
import { ownMacs } from '../ids.ts';

/**
 * Whether a link is the device, under any name: no other network uses this MAC for a device that takes its tunnel keys
 * from packets.
 */
export function isOverlayDevice({ mac, vxlan }: OverlayTraits): boolean {
  return mac === ownMacs.overlay && vxlan?.collectMetadata === true;
}

interface OverlayTraits {
  readonly mac?: Mac;
  readonly vxlan?: { readonly collectMetadata: boolean };
}

// Names of the host side of pods' veths.

import { doomedPrefix, podLinkPrefix } from '../../model/ids.ts';
import type { IfIndex } from '../../net/if-index.ts';

/** Whether the name is that of a current or former endpoint. */
export function isEndpointName(name: string): boolean {
  return endpointName.test(name) || isDoomedName(name);
}

/** Name of a former endpoint that waits for its deletion. The pod's end has the same name in the pod's namespace. */
export function doomedName(hostIfIndex: IfIndex): string {
  return `${doomedPrefix}${hostIfIndex}`;
}

export function isDoomedName(name: string): boolean {
  return doomedLinkName.test(name);
}

const endpointName = new RegExp(`^${podLinkPrefix}[0-9a-f]{11}$`);
const doomedLinkName = new RegExp(`^${doomedPrefix}\\d{1,10}$`);

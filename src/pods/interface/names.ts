// Names of the host side of pods' veths.

import type { IfIndex } from '../../net/if-index.ts';

/** Whether the name is that of a current or former endpoint. */
export function isEndpointName(name: string): boolean {
  return /^hd[0-9a-f]{11}$/.test(name) || isDoomedName(name);
}

/** Name of a former endpoint that waits for its deletion. The pod's end has the same name in the pod's namespace. */
export function doomedName(hostIfIndex: IfIndex): string {
  return `hdx${hostIfIndex}`;
}

export function isDoomedName(name: string): boolean {
  return /^hdx\d{1,10}$/.test(name);
}

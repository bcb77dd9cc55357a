// Names of the host side of pods' veths.

import type { IfIndex } from '../../net/if-index.ts';

/** Of an endpoint, or of what was one: ours by its name. */
export function isEndpointName(name: string): boolean {
  return /^hd[0-9a-f]{11}$/.test(name) || isDoomedName(name);
}

/** No endpoint any more: it waits for its deletion. The same in the pod's namespace, where the other end has it. */
export function doomedName(hostIfIndex: IfIndex): string {
  return `hdx${hostIfIndex}`;
}

export function isDoomedName(name: string): boolean {
  return /^hdx\d{1,10}$/.test(name);
}

// Pods with addresses outside the node's pod ranges: created before the Node object was deleted, or came back with
// other ranges. Other nodes route whole ranges and do not know them; on this node they keep working.

import type { Entries } from '../../base/collections/collection.ts';
import { mapEach } from '../../base/collections/derived.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import type { Address } from '../../net/address.ts';
import { hostPrefix, prefixContains } from '../../net/prefix.ts';
import type { DesiredState, Masquerade, ModelProblem, PodRange } from '../desired.ts';
import type { LocalEndpoint } from '../endpoint.ts';
import { compactPrefixes, orderedPrefix } from '../prefix-order.ts';

export interface StrayPod {
  readonly endpoint: LocalEndpoint;
  /** Those of its addresses that lie outside. */
  readonly outside: readonly Address[];
}

/** Of the endpoints, by their keys. */
export function strayPods(
  endpoints: Entries<string, LocalEndpoint>,
  podRanges: readonly PodRange[],
): Entries<string, StrayPod> {
  const isOutside = (address: Address): boolean =>
    !podRanges.some(({ prefix }) => prefixContains(prefix, address));
  return mapEach(endpoints, (endpoint, key): readonly (readonly [string, StrayPod])[] => {
    const outside = endpoint.addresses.filter(isOutside);
    return outside.length === 0 ? [] : [[key, { endpoint, outside }]];
  });
}

const namedAtMost = 5;

/** None where the node has no range at all: that is a problem of its own. */
export function strayProblems(
  strays: readonly StrayPod[],
  {
    nodeName,
    podRanges,
    occupiedRanges = [],
  }: Pick<DesiredState, 'nodeName' | 'podRanges' | 'occupiedRanges'>,
): readonly ModelProblem[] {
  if (strays.length === 0 || podRanges.length === 0) return [];
  // The range returns once the obstacle in it is removed, which has its own problem: these pods are right.
  const lasting = strays.filter(({ outside }) =>
    outside.some((address) => !occupiedRanges.some((range) => prefixContains(range, address))),
  );
  if (lasting.length === 0) return [];
  const named = lasting
    .slice(0, namedAtMost)
    .map(({ endpoint, outside }) => `${nameOf(endpoint)} (${outside.join(', ')})`);
  const more = lasting.length > namedAtMost ? ` and ${lasting.length - namedAtMost} more` : '';
  const ranges = podRanges.map(({ prefix }) => prefix).join(', ');
  const text = `pods have addresses outside its pod ranges ${ranges}, so other nodes cannot reach them; delete them so that they are recreated: ${named.join(', ')}${more}`;
  return [{ object: nodeName, text }];
}

/** Strays reach the world as before. Undefined if no source is left to masquerade. */
export function masqueradeWith(
  masquerade: Masquerade | undefined,
  strays: readonly Address[],
): Masquerade | undefined {
  if (masquerade === undefined || strays.length === 0) {
    return masquerade?.sources.length === 0 ? undefined : masquerade;
  }
  const prefixes = strays.map((address) => hostPrefix(address));
  const sources = compactPrefixes([...masquerade.sources, ...prefixes].map(orderedPrefix));
  // The node's addresses for them count as pods' sources as well.
  return {
    ...masquerade,
    sources,
    exempt: compactPrefixes([...masquerade.exempt, ...prefixes].map(orderedPrefix)),
  };
}

function nameOf({ pod, containerId }: LocalEndpoint): string {
  return pod === undefined ? containerId : namespacedName(pod);
}

// Pods with addresses outside the node's pod ranges: created before the Node object was deleted, or came back with
// other ranges. Other nodes route whole ranges and do not know them; on this node they keep working.

import { memoize, memoizeEach, memoizeLast } from '../../base/memoize.ts';
import type { Address } from '../../net/address.ts';
import { hostPrefix, prefixContains } from '../../net/prefix.ts';
import type { DesiredState, Masquerade, ModelProblem, PodRange } from '../desired.ts';
import type { LocalEndpoint } from '../endpoint.ts';
import { compactPrefixes, orderedPrefix } from '../prefix-order.ts';

export interface StrayPods {
  /** The same array while there are none. */
  readonly addresses: readonly Address[];
  /** Also empty if the node has no range at all, which has its own problem. */
  readonly problems: readonly ModelProblem[];
}

const none: StrayPods = { addresses: [], problems: [] };
const namedAtMost = 5;

export function strayPods(
  nodeName: string,
  { podRanges, occupiedRanges = [] }: Pick<DesiredState, 'podRanges' | 'occupiedRanges'>,
  endpoints: readonly LocalEndpoint[],
): StrayPods {
  const outside = outsideOf(podRanges);
  const outsideAddresses = outsideOfEach(podRanges)(endpoints);
  const strays = endpoints.filter((_, index) => outsideAddresses[index]?.length !== 0);
  if (strays.length === 0) return none;
  const addresses = strays.flatMap(outside);
  if (podRanges.length === 0) return { addresses, problems: [] };
  // The range returns once the obstacle in it is removed, which has its own problem: these pods are right.
  const lasting = strays.filter((stray) =>
    outside(stray).some(
      (address) => !occupiedRanges.some((range) => prefixContains(range, address)),
    ),
  );
  if (lasting.length === 0) return { addresses, problems: [] };
  const named = lasting
    .slice(0, namedAtMost)
    .map((stray) => `${nameOf(stray)} (${outside(stray).join(', ')})`);
  const more = lasting.length > namedAtMost ? ` and ${lasting.length - namedAtMost} more` : '';
  const ranges = podRanges.map(({ prefix }) => prefix).join(', ');
  const text = `pods have addresses outside its pod ranges ${ranges}, so other nodes cannot reach them; delete them so that they are recreated: ${named.join(', ')}${more}`;
  return { addresses, problems: [{ object: nodeName, text }] };
}

const outsideOf = memoize((podRanges: readonly PodRange[]) =>
  memoize(({ addresses }: LocalEndpoint): readonly Address[] =>
    addresses.filter((address) => !podRanges.some(({ prefix }) => prefixContains(prefix, address))),
  ),
);

// Incremental, because each settle asks it for all endpoints.
const outsideOfEach = memoize((podRanges: readonly PodRange[]) =>
  memoizeEach(outsideOf(podRanges)),
);

/** Strays reach the world as before. Undefined if no source is left to masquerade. */
export const masqueradeWith: (
  masquerade: Masquerade | undefined,
  strays: readonly Address[],
) => Masquerade | undefined = memoizeLast((masquerade, strays) => {
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
});

function nameOf({ pod, containerId }: LocalEndpoint): string {
  return pod === undefined ? containerId : `${pod.namespace}/${pod.name}`;
}

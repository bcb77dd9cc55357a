// Pods whose addresses lie in none of the node's pod ranges: made before the Node object went, or came back with other
// ranges. Other nodes route whole ranges and know nothing of them; here they go on.

import { memoize, memoizeEach, memoizeLast } from '../../base/memoize.ts';
import type { Address } from '../../net/address.ts';
import { hostPrefix, prefixContains } from '../../net/prefix.ts';
import type { DesiredState, Masquerade, ModelProblem, PodRange } from '../desired.ts';
import type { LocalEndpoint } from '../endpoint.ts';
import { compactPrefixes, orderedPrefix } from '../prefix-order.ts';

export interface StrayPods {
  /** The same array while there are none. */
  readonly addresses: readonly Address[];
  /** Empty as well where the node has no range at all: that is a problem of its own. */
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
  // The range comes back once what is in it is removed, which is a problem of its own: these pods are right.
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

// Followed, not looked up one by one, for each settle asks it of all.
const outsideOfEach = memoize((podRanges: readonly PodRange[]) =>
  memoizeEach(outsideOf(podRanges)),
);

/** Strays reach the world as before. Undefined when nobody is left to masquerade for. */
export const masqueradeWith: (
  masquerade: Masquerade | undefined,
  strays: readonly Address[],
) => Masquerade | undefined = memoizeLast((masquerade, strays) => {
  if (masquerade === undefined || strays.length === 0) {
    return masquerade?.sources.length === 0 ? undefined : masquerade;
  }
  const prefixes = strays.map((address) => hostPrefix(address));
  const sources = compactPrefixes([...masquerade.sources, ...prefixes].map(orderedPrefix));
  // What the node has for them comes from pods as well.
  return {
    ...masquerade,
    sources,
    exempt: compactPrefixes([...masquerade.exempt, ...prefixes].map(orderedPrefix)),
  };
});

function nameOf({ pod, containerId }: LocalEndpoint): string {
  return pod === undefined ? containerId : `${pod.namespace}/${pod.name}`;
}

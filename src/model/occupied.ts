// What of the address space is taken on this node and by what keeps the cluster together, so that no Node can have it for
// its pods: the node's own addresses and networks, its gateways, the API server.

import { memoize } from '../base/memoize.ts';
import { hostPrefix, makePrefix, type Prefix } from '../net/prefix.ts';
import type { HostAddress, HostFacts, OccupiedRange } from './host.ts';
import { type OrderedPrefix, orderedPrefix, overlap } from './prefix-order.ts';
import { isLinkLocal } from './underlay.ts';

interface Occupied {
  readonly kind: OccupiedRange['kind'] | 'address' | 'network';
  readonly prefix: Prefix;
  readonly ifName?: string | undefined;
  readonly ordered: OrderedPrefix;
}

/** Why a range cannot be a Node's. */
export interface Occupation {
  /** In words that follow the range. */
  readonly flaw: string;
  /** It is of this node itself, not of the API server. */
  readonly isOfNode: boolean;
  /** The address of this node that makes it so; absent: something else does. */
  readonly address?: { readonly prefix: Prefix; readonly ifName?: string | undefined };
}

/** Undefined where nothing of this node is in the way. */
export type OccupiedFlaw = (range: OrderedPrefix) => Occupation | undefined;

export const occupiedFlaw: (host: HostFacts) => OccupiedFlaw = memoize((host) => {
  const all = occupiedOf(host);
  return (range) => {
    const found = all.find(({ ordered }) => overlap(ordered, range));
    if (found === undefined) return undefined;
    const { kind, prefix, ifName } = found;
    return {
      flaw: describe(found, range),
      isOfNode: kind !== 'api server',
      ...(kind === 'address' || kind === 'network' ? { address: { prefix, ifName } } : {}),
    };
  };
});

// In order of what says most about why it cannot be.
function occupiedOf(host: HostFacts): readonly Occupied[] {
  const own = ownAddresses(host).flatMap(
    ({ address, prefixLength, ifName }): readonly Omit<Occupied, 'ordered'>[] => [
      { kind: 'address', prefix: hostPrefix(address), ifName },
      { kind: 'network', prefix: makePrefix(address, prefixLength), ifName },
    ],
  );
  const all = [...own, ...(host.occupied ?? [])];
  return kinds.flatMap((kind) =>
    all
      .filter((range) => range.kind === kind)
      .map((range) => ({ ...range, ordered: orderedPrefix(range.prefix) })),
  );
}

/** With the interface of each; link-local ones are everywhere and say nothing. */
export function ownAddresses({
  uplinks,
  addresses,
}: HostFacts): readonly Omit<HostAddress, 'leadsNowhere'>[] {
  const known =
    addresses ??
    uplinks.flatMap(({ name, addresses: all }) => all.map((each) => ({ ...each, ifName: name })));
  return known.filter(({ address }) => !isLinkLocal(address));
}

const kinds: readonly Occupied['kind'][] = ['api server', 'address', 'gateway', 'network'];

function describe({ kind, prefix, ifName, ordered }: Occupied, range: OrderedPrefix): string {
  const relation =
    range.bits === ordered.bits ? 'is' : range.bits < ordered.bits ? 'holds' : 'lies in';
  const address = prefix.slice(0, prefix.indexOf('/'));
  const where = ifName === undefined ? '' : ` (${ifName})`;
  switch (kind) {
    case 'api server':
      return `holds ${address}, an address of the API server, the proxy to it or a name server`;
    case 'address':
      return `holds ${address}, an address of this node${where}`;
    case 'gateway':
      return `holds ${address}, a gateway of this node${where}`;
    case 'network':
      return `${relation} ${prefix}, a network that this node is connected to${where}`;
  }
}

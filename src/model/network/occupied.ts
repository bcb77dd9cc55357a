// Address space used on this node or by the control plane, which no Node can have for its pods: the node's own
// addresses and networks, its gateways, the API server.

import { memoizeLast } from '../../base/memoize.ts';
import { hostPrefix, makePrefix, type Prefix, prefixLength } from '../../net/prefix.ts';
import type { HostAddress, HostFacts, OccupiedRange } from '../host.ts';
import { PrefixIndex } from '../prefix-index.ts';
import { type OrderedPrefix, orderedPrefix } from '../prefix-order.ts';
import { isLinkLocal } from './underlay.ts';

interface Occupied {
  readonly kind: OccupiedRange['kind'] | 'address' | 'network';
  readonly prefix: Prefix;
  readonly ifName?: string | undefined;
  readonly ordered: OrderedPrefix;
}

/** Why a range cannot belong to a Node. */
export interface Occupation {
  /** A text that follows the range. */
  readonly flaw: string;
  /** Whether it belongs to this node itself, not to the API server. */
  readonly isOfNode: boolean;
  /** The address of this node that causes it; absent: another cause. */
  readonly address?: { readonly prefix: Prefix; readonly ifName?: string | undefined };
}

/** Undefined if nothing of this node is in the range. */
export type OccupiedFlaw = (range: OrderedPrefix) => Occupation | undefined;

/** Follows what the node looks like. */
export class OccupiedRanges {
  #ordered: ReadonlyMap<Prefix, OrderedPrefix> = new Map();

  // A node may have ten thousand addresses (those of all Services, on kube-ipvs0), and two thousand ranges are checked.
  readonly flawOf: (host: HostFacts) => OccupiedFlaw = memoizeLast((host) => {
    const indexes = this.#occupiedOf(host).map((all) => new PrefixIndex(all));
    return (range) => {
      for (const index of indexes) {
        const found = index.meeting(range);
        if (found !== undefined) return occupation(found, range);
      }
      return undefined;
    };
  });

  // By kind, the most informative first.
  #occupiedOf(host: HostFacts): readonly (readonly Occupied[])[] {
    const own = ownAddresses(host).flatMap(
      ({ address, prefixLength: length, ifName }): readonly Omit<Occupied, 'ordered'>[] => {
        const prefix = hostPrefix(address);
        const alone = { kind: 'address', prefix, ifName } as const;
        // A network of one address is found as that address.
        if (length === prefixLength(prefix)) return [alone];
        return [alone, { kind: 'network', prefix: makePrefix(address, length), ifName }];
      },
    );
    const all = [...own, ...(host.occupied ?? [])];
    const ordered = this.#orderedOnce(all.map(({ prefix }) => prefix));
    const withOrder = all.flatMap((range): readonly Occupied[] => {
      const known = ordered.get(range.prefix);
      return known === undefined ? [] : [{ ...range, ordered: known }];
    });
    return kinds.map((kind) => withOrder.filter((range) => range.kind === kind));
  }

  // Does not parse addresses again that the node had before, which are most.
  #orderedOnce(prefixes: readonly Prefix[]): ReadonlyMap<Prefix, OrderedPrefix> {
    const before = this.#ordered;
    this.#ordered = new Map(
      prefixes.map((prefix) => [prefix, before.get(prefix) ?? orderedPrefix(prefix)]),
    );
    return this.#ordered;
  }
}

function occupation(found: Occupied, range: OrderedPrefix): Occupation {
  const { kind, prefix, ifName } = found;
  return {
    flaw: describe(found, range),
    isOfNode: kind !== 'api server',
    ...(kind === 'address' || kind === 'network' ? { address: { prefix, ifName } } : {}),
  };
}

/** With the interface of each; without link-local ones, which are everywhere. */
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

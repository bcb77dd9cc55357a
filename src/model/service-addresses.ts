// Addresses of Services: a range of pods that holds one would lead that Service's clients to a node instead.

import { memoize } from '../base/memoize.ts';
import type { ClusterService } from '../cluster/objects.ts';
import type { Address } from '../net/address.ts';
import { hostPrefix } from '../net/prefix.ts';
import { contains, firstFrom, type OrderedPrefix, orderedPrefix } from './prefix-order.ts';

export interface ServiceAddress {
  readonly address: Address;
  readonly ordered: OrderedPrefix;
  /** `shop/web` */
  readonly service: string;
  readonly createdAt?: number | undefined;
  /** Assigned from the cluster's Service range; not so external addresses, which any tenant may write. */
  readonly isCluster: boolean;
}

/** In order of their digits. */
export type ServiceAddresses = readonly ServiceAddress[];

let last: ServiceAddresses = [];

/** The same array while no Service has other addresses than before: Services change for much else. */
export function serviceAddresses(services: ReadonlyMap<string, ClusterService>): ServiceAddresses {
  const next = inOrder(services);
  // `addressesOf` gives an unchanged Service the same items.
  const isSame = next.length === last.length && next.every((item, index) => item === last[index]);
  if (!isSame) last = next;
  return last;
}

const inOrder = memoize(
  (services: ReadonlyMap<string, ClusterService>): ServiceAddresses =>
    [...services.values()].flatMap(addressesOf).sort(byDigits),
);

const addressesOf: (service: ClusterService) => ServiceAddresses = memoize((service) => {
  const { namespace, name, createdAt, clusterAddresses, externalAddresses } = service;
  const make = (address: Address, isCluster: boolean): ServiceAddress => ({
    address,
    ordered: orderedPrefix(hostPrefix(address)),
    service: `${namespace}/${name}`,
    createdAt,
    isCluster,
  });
  return [
    ...clusterAddresses.map((address) => make(address, true)),
    ...externalAddresses.map((address) => make(address, false)),
  ];
});

/** Of those in the range the first, cluster addresses before others. */
export function serviceIn(all: ServiceAddresses, range: OrderedPrefix): ServiceAddress | undefined {
  let external: ServiceAddress | undefined;
  for (let index = firstFrom(all, range.digits); index < all.length; index++) {
    const item = all[index];
    if (item === undefined || !contains(range, item.ordered)) break;
    if (item.isCluster) return item;
    external ??= item;
  }
  return external;
}

function byDigits(left: ServiceAddress, right: ServiceAddress): number {
  if (left.ordered.digits !== right.ordered.digits) {
    return left.ordered.digits < right.ordered.digits ? -1 : 1;
  }
  // Of equal ones the oldest first, in an order that does not depend on the map's.
  const age = (left.createdAt ?? Infinity) - (right.createdAt ?? Infinity);
  return age !== 0 && !Number.isNaN(age) ? age : left.service < right.service ? -1 : 1;
}

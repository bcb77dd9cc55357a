// Addresses of all Services, sorted. Any tenant creates Services and writes external addresses into them, so the index
// follows changes: the cost of a change is the number of that Service's addresses, independent of the number of
// Services.

import { OrderedList } from '../../base/collections/ordered-list.ts';
import { changesBetween } from '../../base/collections/snapshot-map.ts';
import { namespacedName } from '../../base/namespaced-name.ts';
import type { ClusterService } from '../../cluster/objects.ts';
import type { Address } from '../../net/address.ts';
import { hostPrefix } from '../../net/prefix.ts';
import { contains, type OrderedPrefix, orderedPrefix } from '../prefix-order.ts';

export interface ServiceAddress {
  readonly address: Address;
  readonly ordered: OrderedPrefix;
  /** `shop/web` */
  readonly service: string;
  readonly createdAt?: number | undefined;
  /** Assigned from the cluster's Service range, unlike external addresses, which any tenant may write. */
  readonly isCluster: boolean;
}

/**
 * Maximum number of external addresses of all Services that are examined: their only effect is a warning about a pod
 * range.
 */
export const externalsAtMost = 4_096;

interface Entered {
  readonly service: ClusterService;
  readonly addresses: readonly ServiceAddress[];
}

export class ServiceIndex {
  #services: ReadonlyMap<string, ClusterService> = new Map();
  readonly #cluster = new OrderedList<ServiceAddress>(byDigits);
  readonly #external = new OrderedList<ServiceAddress>(byDigits);
  readonly #entered = new Map<string, Entered>();
  /** Services whose external addresses do not fit. */
  readonly #waiting = new Set<string>();

  /** Number of Services whose external addresses are not examined. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Returns the addresses that were added, removed or changed their owner. */
  follow(services: ReadonlyMap<string, ClusterService>): readonly ServiceAddress[] {
    if (services === this.#services) return [];
    const changed: ServiceAddress[] = [];
    for (const { key, after } of changesBetween(this.#services, services)) {
      const before = this.#entered.get(key);
      if (before !== undefined && after !== undefined && isAlike(before.service, after)) continue;
      changed.push(...this.#remove(key), ...(after === undefined ? [] : this.#add(key, after)));
    }
    this.#services = services;
    // In turn: searching for one that fits would examine all.
    for (const key of this.#waiting) {
      const service = services.get(key);
      if (service === undefined || !this.#hasRoom(service)) break;
      changed.push(...this.#remove(key), ...this.#add(key, service));
    }
    return changed;
  }

  /** The first in the range, cluster addresses before others. */
  firstIn(range: OrderedPrefix): ServiceAddress | undefined {
    return firstWithin(this.#cluster, range) ?? firstWithin(this.#external, range);
  }

  #hasRoom(service: ClusterService): boolean {
    return this.#external.size + externalsOf(service).length <= externalsAtMost;
  }

  #add(key: string, service: ClusterService): readonly ServiceAddress[] {
    const hasRoom = this.#hasRoom(service);
    if (!hasRoom) this.#waiting.add(key);
    const { createdAt, clusterAddresses } = service;
    const make = (address: Address, isCluster: boolean): ServiceAddress => ({
      ...{ address, ordered: orderedPrefix(hostPrefix(address)), createdAt, isCluster },
      service: namespacedName(service),
    });
    const addresses = [
      ...Array.from(new Set(clusterAddresses), (address) => make(address, true)),
      ...(hasRoom ? externalsOf(service).map((address) => make(address, false)) : []),
    ];
    for (const item of addresses) this.#listOf(item).insert(item);
    this.#entered.set(key, { service, addresses });
    return addresses;
  }

  #remove(key: string): readonly ServiceAddress[] {
    const { addresses = [] } = this.#entered.get(key) ?? {};
    for (const item of addresses) this.#listOf(item).delete(item);
    this.#entered.delete(key);
    this.#waiting.delete(key);
    return addresses;
  }

  #listOf({ isCluster }: ServiceAddress): OrderedList<ServiceAddress> {
    return isCluster ? this.#cluster : this.#external;
  }
}

function firstWithin(
  list: OrderedList<ServiceAddress>,
  range: OrderedPrefix,
): ServiceAddress | undefined {
  const found = list.firstFrom(({ ordered }) => ordered.digits < range.digits);
  return found !== undefined && contains(range, found.ordered) ? found : undefined;
}

// Addresses through which clients reach the Service, translated by nodes or not.
function externalsOf({
  externalAddresses,
  loadBalancerAddresses: assigned,
}: ClusterService): readonly Address[] {
  if (assigned === undefined) return externalAddresses;
  return [...new Set([...externalAddresses, ...assigned.map(({ address }) => address)])];
}

// Most changes of Services do not concern their addresses.
function isAlike(left: ClusterService, right: ClusterService): boolean {
  return (
    left.createdAt === right.createdAt &&
    isSameList(left.clusterAddresses, right.clusterAddresses) &&
    isSameList(externalsOf(left), externalsOf(right))
  );
}

function isSameList(left: readonly Address[], right: readonly Address[]): boolean {
  return left.length === right.length && left.every((address, index) => address === right[index]);
}

function byDigits(left: ServiceAddress, right: ServiceAddress): number {
  if (left.ordered.digits !== right.ordered.digits) {
    return left.ordered.digits < right.ordered.digits ? -1 : 1;
  }
  // Among equal ones the oldest first, in an order independent of the map's.
  const age = (left.createdAt ?? Infinity) - (right.createdAt ?? Infinity);
  if (age !== 0 && !Number.isNaN(age)) return age;
  return left.service === right.service ? 0 : left.service < right.service ? -1 : 1;
}

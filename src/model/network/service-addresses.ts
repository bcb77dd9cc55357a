// Addresses of Services: a pod range that contains one would send that Service's clients to a node instead.

import { memoize, memoizeLast } from '../../base/memoize.ts';
import type { ClusterService } from '../../cluster/objects.ts';
import type { Address } from '../../net/address.ts';
import type { ModelProblem } from '../desired.ts';
import type { HostAddress } from '../host.ts';
import type { NetworkNodes } from '../network-nodes.ts';
import { contains, type OrderedPrefix, outermost } from '../prefix-order.ts';
import { nodeClaims } from './node-claims.ts';
import { externalsAtMost, type ServiceAddress, ServiceIndex } from './service-index.ts';

export interface ServiceAddresses {
  /** The first in the range, cluster addresses before others. */
  firstIn(range: OrderedPrefix): ServiceAddress | undefined;
}

interface Followed {
  readonly nodes: NetworkNodes;
  readonly local: readonly HostAddress[];
  readonly result: ServiceAddresses;
}

const noAddresses: readonly HostAddress[] = [];

const localAddresses = memoize(
  (local: readonly HostAddress[]): ReadonlySet<Address> =>
    new Set(local.map(({ address }) => address)),
);

export class FollowedServices {
  readonly #index = new ServiceIndex();
  readonly #waiting = memoizeLast(waitingProblems);
  #last: Followed | undefined;

  /**
   * The same object while the Nodes and `local`, the addresses of this node, are the same and no Service got or lost an address
   * that is among these or that a Node claims, by itself or in a range: the Nodes are not checked again for any other. Valid
   * until the next call.
   */
  follow(
    services: ReadonlyMap<string, ClusterService>,
    nodes: NetworkNodes,
    local: readonly HostAddress[] = noAddresses,
  ): ServiceAddresses {
    const changed = this.#index.follow(services);
    const last = this.#last;
    if (last?.nodes === nodes && last.local === local) {
      const claimed = claimedBy(nodes);
      const has = localAddresses(local);
      const isOfInterest = (item: ServiceAddress): boolean =>
        isClaimed(claimed, item) || (item.isCluster && has.has(item.address));
      if (!changed.some(isOfInterest)) return last.result;
    }
    const result = { firstIn: (range: OrderedPrefix) => this.#index.firstIn(range) };
    this.#last = { nodes, local, result };
    return result;
  }

  /** Of the Services last given to `follow`. The same array while nothing about it changes. */
  problems(): readonly ModelProblem[] {
    return this.#waiting(this.#index.waiting);
  }
}

interface Claimed {
  readonly addresses: ReadonlySet<Address>;
  /** Sorted and disjoint. */
  readonly ranges: readonly OrderedPrefix[];
}

const claimedBy = memoize((nodes: NetworkNodes): Claimed => {
  const claims = Array.from(nodes.values(), nodeClaims);
  const ranges = claims.flatMap((each) => each.ranges.filter(({ flaw }) => flaw === undefined));
  return {
    addresses: new Set(claims.flatMap((each) => each.addresses.map(({ address }) => address))),
    ranges: outermost(ranges.map(({ ordered }) => ordered)),
  };
});

function isClaimed({ addresses, ranges }: Claimed, item: ServiceAddress): boolean {
  if (item.isCluster && addresses.has(item.address)) return true;
  const place = firstAfter(ranges, item.ordered.digits);
  const range = ranges[place - 1];
  return range !== undefined && contains(range, item.ordered);
}

// Index of the first range, in order of digits, that starts after them.
function firstAfter(ranges: readonly OrderedPrefix[], digits: string): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.digits ?? '') <= digits) low = middle + 1;
    else high = middle;
  }
  return low;
}

function waitingProblems(count: number): readonly ModelProblem[] {
  if (count === 0) return [];
  const text = `external addresses of ${count} Services are not compared with pod ranges: all Services together have more than ${externalsAtMost}`;
  return [{ object: 'Services', text }];
}

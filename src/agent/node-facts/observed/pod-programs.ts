// Programs of others at pods' interfaces, asked for in turn: the kernel reports no attachment and answers for one interface and
// direction at a time, and a node has hundreds. A few interfaces with each look; where something was found, again with the next.

import { memoizeLast } from '../../../base/memoize.ts';
import type { LocalEndpoint } from '../../../model/endpoint.ts';
import { podQueue } from '../../../model/pod-queue.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import type { ForeignProgram } from './observed-node.ts';

/** `isNearEnd`: of a pod's queue, where none of our programs belong. */
export type AskInterface = (ifIndex: IfIndex, isNearEnd: boolean) => readonly ForeignProgram[];

// A node with fewer interfaces has all of them looked at each time.
const leastAsked = 8;
// Five minutes at the usual period.
const looksPerRound = 30;

interface Place {
  readonly ifIndex: IfIndex;
  readonly isNearEnd: boolean;
}

export class PodPrograms {
  readonly #ask: AskInterface;
  readonly #placesOf = memoizeLast(placesOf);
  readonly #found = new Map<IfIndex, readonly ForeignProgram[]>();
  #next = 0;

  constructor(ask: AskInterface) {
    this.#ask = ask;
  }

  /** Throws what asking throws. */
  look(endpoints: readonly LocalEndpoint[]): readonly ForeignProgram[] {
    const places = this.#placesOf(endpoints);
    const slice = this.#slice(places);
    for (const { ifIndex, isNearEnd } of [...this.#again(places, slice), ...slice]) {
      const programs = this.#ask(ifIndex, isNearEnd);
      if (programs.length === 0) this.#found.delete(ifIndex);
      else this.#found.set(ifIndex, programs);
    }
    return [...this.#found.values()].flat();
  }

  #slice(places: readonly Place[]): readonly Place[] {
    const most = Math.max(leastAsked, Math.ceil(places.length / looksPerRound));
    if (most >= places.length) return places;
    if (this.#next >= places.length) this.#next = 0;
    const slice = places.slice(this.#next, this.#next + most);
    this.#next += slice.length;
    return slice;
  }

  // What was found is soon seen to have gone, and forgotten with its interface.
  #again(places: readonly Place[], slice: readonly Place[]): readonly Place[] {
    if (this.#found.size === 0) return [];
    const byIndex = new Map(places.map((place) => [place.ifIndex, place]));
    for (const ifIndex of this.#found.keys()) {
      if (!byIndex.has(ifIndex)) this.#found.delete(ifIndex);
    }
    const asked = new Set(slice.map(({ ifIndex }) => ifIndex));
    const rest = [...this.#found.keys()].filter((ifIndex) => !asked.has(ifIndex));
    return rest.slice(0, leastAsked).flatMap((ifIndex) => byIndex.get(ifIndex) ?? []);
  }
}

function placesOf(endpoints: readonly LocalEndpoint[]): readonly Place[] {
  return endpoints.flatMap((endpoint) => {
    const own = { ifIndex: endpoint.hostIfIndex, isNearEnd: false };
    const queue = podQueue(endpoint);
    if (queue === undefined) return [own];
    const near = { ifIndex: queue.ifIndex, isNearEnd: true };
    return [own, near, { ifIndex: queue.farIfIndex, isNearEnd: false }];
  });
}

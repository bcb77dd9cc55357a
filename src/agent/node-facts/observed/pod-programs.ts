// Programs of other software at pods' interfaces, queried in turn: the kernel does not report attachments and answers
// for one interface and direction at a time, while a node has hundreds. Each check queries a few interfaces, and again
// those with a finding.

import { memoizeLast } from '../../../base/memoize.ts';
import type { LocalEndpoint } from '../../../model/endpoint.ts';
import { podQueue } from '../../../model/pod-queue.ts';
import type { IfIndex } from '../../../net/if-index.ts';
import type { ForeignProgram } from './observed-node.ts';

/** `isNearEnd`: the near end of a pod's queue, which has no programs of heddle. */
export type AskInterface = (ifIndex: IfIndex, isNearEnd: boolean) => readonly ForeignProgram[];

// On a node with fewer interfaces, each check queries all of them.
const leastAsked = 8;
// Five minutes with the default period.
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

  /** Throws the errors of the queries. */
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

  // A finding disappears soon after the program, and with its interface.
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

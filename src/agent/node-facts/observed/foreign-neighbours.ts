// Neighbour entries at uplinks that another process has set for good: permanent, noarp, or learnt by another program. The kernel filters the listing by link; a network may have
// thousands of neighbours, so that it rests in between.

import { isSetForGood } from '../../../datapath/host/next-hops.ts';
import { listNeighbours, type Neighbour } from '../../../kernel/netlink/neighbour.ts';
import type { Dumps } from '../../../kernel/netlink/protocol/request.ts';
import { steadyListing } from '../../../kernel/netlink/protocol/steady-listing.ts';
import type { IfIndex } from '../../../net/if-index.ts';

const restMs = 10_000;

export class ForeignNeighbours {
  readonly #socket: Dumps;
  readonly #now: () => number;
  #at: readonly IfIndex[] = [];
  #list: () => readonly Neighbour[] = () => [];
  #listed: readonly Neighbour[] = [];
  #restUntil = 0;

  /** `now`: ms, a clock that nobody sets. */
  constructor(socket: Dumps, now: () => number) {
    this.#socket = socket;
    this.#now = now;
  }

  /** The same array while nothing has changed. Throws KernelError. */
  look(at: readonly IfIndex[]): readonly Neighbour[] {
    const now = this.#now();
    const isSame = at.length === this.#at.length && at.every((each, i) => each === this.#at[i]);
    if (isSame && now < this.#restUntil) return this.#listed;
    if (!isSame) this.#list = steadyListing(this.#socket, (dumps) => listForeign(dumps, at));
    this.#at = at;
    this.#listed = this.#list();
    this.#restUntil = now + restMs;
    return this.#listed;
  }
}

function listForeign(dumps: Dumps, at: readonly IfIndex[]): readonly Neighbour[] {
  return at.flatMap((ifIndex) => listNeighbours(dumps, { ifIndex })).filter(isSetForGood);
}

// Permanent neighbour entries at uplinks set by another process: permanent, noarp, or learnt by another program. The
// kernel filters the listing by link. A network may have thousands of neighbours, so listings are spaced out.

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

  /** `now`: monotonic time in ms. */
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

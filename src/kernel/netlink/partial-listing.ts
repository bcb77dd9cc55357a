// Listing in a namespace whose owner decides how much there is: a pod with CAP_NET_ADMIN adds addresses and routes by the
// hundred thousand, and whoever looks for one of them must not read them all.

import type { Dumps, Query } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';

/** Gives the `list*` functions the first `most` answers of each dump. */
export class PartialDumps implements Dumps {
  readonly #socket: NetlinkSocket;
  readonly #most: number;
  #isWhole = true;

  constructor(socket: NetlinkSocket, most: number) {
    this.#socket = socket;
    this.#most = most;
  }

  /** Whether each dump so far had all there is. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  dump<Result>(query: Query, read: (payload: Buffer) => Result | undefined): Result[] {
    const { results, isWhole } = this.#socket.dumpSome(query, read, this.#most);
    this.#isWhole &&= isWhole;
    return [...results];
  }
}

/** Whether a dump that `list` makes has more than `most` answers. They are counted, not read. Throws KernelError. */
export function hasMoreThan(
  socket: NetlinkSocket,
  most: number,
  list: (dumps: Dumps) => unknown,
): boolean {
  let isWhole = true;
  const dump = (query: Query): never[] => {
    isWhole &&= socket.dumpSome(query, () => true, most).isWhole;
    return [];
  };
  list({ dump });
  return !isWhole;
}

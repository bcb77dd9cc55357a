// Limited listings for a namespace whose owner controls the number of objects: a pod with CAP_NET_ADMIN can add
// hundreds of thousands of addresses and routes, and a search for one of them must not read them all.

import type { Dumps, Query } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';

/** Passes only the first `most` answers of each dump to the `list*` functions. */
export class PartialDumps implements Dumps {
  readonly #socket: NetlinkSocket;
  readonly #most: number;
  #isWhole = true;

  constructor(socket: NetlinkSocket, most: number) {
    this.#socket = socket;
    this.#most = most;
  }

  /** Whether every dump so far was complete. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  dump<Result>(query: Query, read: (payload: Buffer) => Result | undefined): Result[] {
    const { results, isWhole } = this.#socket.dumpSome(query, read, this.#most);
    this.#isWhole &&= isWhole;
    return [...results];
  }
}

/** Whether a dump of `list` has more than `most` answers, which are counted but not parsed. Throws KernelError. */
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

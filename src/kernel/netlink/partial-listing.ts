// Limited listings where another process controls the number of objects: a pod with CAP_NET_ADMIN can add hundreds of
// thousands of addresses and routes to its namespace, and a routing daemon as many routes to the node. A search for one
// of them must not read them all.

import type { Dumps, Query } from './protocol/request.ts';
import { steadyListing } from './protocol/steady-listing.ts';
import type { NetlinkSocket } from './socket.ts';

export interface DumpPart {
  /** Maximum number of answers of each dump. */
  readonly most: number;
  /** Answers that neither count nor are read. */
  omits?(payload: Buffer): boolean;
}

/** Passes only the first `most` answers of each dump to the `list*` functions. */
export class PartialDumps implements Dumps {
  readonly #socket: Pick<NetlinkSocket, 'dumpSome'>;
  readonly #part: DumpPart;
  #cut = 0;

  constructor(socket: Pick<NetlinkSocket, 'dumpSome'>, part: DumpPart) {
    this.#socket = socket;
    this.#part = part;
  }

  /** Whether every dump so far was complete. */
  get isWhole(): boolean {
    return this.#cut === 0;
  }

  /** Number of incomplete dumps so far. */
  get cut(): number {
    return this.#cut;
  }

  dump<Result>(query: Query, read: (payload: Buffer) => Result | undefined): Result[] {
    const { most, omits = () => false } = this.#part;
    const { results, isWhole } = this.#socket.dumpSome(
      query,
      (payload) => (omits(payload) ? undefined : read(payload)),
      most,
    );
    if (!isWhole) this.#cut++;
    return [...results];
  }
}

export interface PartialListing<Result> {
  /** The same object while the kernel's answers stay the same: see `steadyListing`. */
  readonly result: Result;
  /** Whether every dump was complete. */
  readonly isWhole: boolean;
}

/** `steadyListing` for lists whose length other processes control. Throws the errors of `list`. */
export function partialListing<Result>(
  socket: Pick<NetlinkSocket, 'dumpSome'>,
  part: DumpPart,
  list: (dumps: Dumps) => Result,
): () => PartialListing<Result> {
  const dumps = new PartialDumps(socket, part);
  const steady = steadyListing(dumps, list);
  return () => {
    const before = dumps.cut;
    const result = steady();
    return { result, isWhole: dumps.cut === before };
  };
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

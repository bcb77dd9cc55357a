// Neighbour entries of next hops, other nodes and routers, which the kernel resolves and keeps fresh by itself. A pod
// that sends to many addresses of a connected network fills the kernel's neighbour table; these entries keep their
// place, take none from others, and exist before the first packet. A permanent entry of another process is left alone.

import { memoize, memoizeLast } from '../../base/memoize.ts';
import { isKernelError } from '../../kernel/errno.ts';
import {
  addNeighbour,
  delNeighbour,
  type Neighbour,
  type NeighbourOptions,
  replaceNeighbour,
} from '../../kernel/netlink/neighbour.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { NextHop } from '../../model/desired.ts';
import { nextHopProtocol } from '../../model/ids.ts';
import type { EntryFailure, Keyed, Table } from '../../reconcile/table.ts';
import type { StateContents } from '../contents.ts';
import { writeBatch } from '../writes.ts';
import { isPodNeighbour, type NeighbourListing, neighbourListing } from './neighbours.ts';

export function nextHopContents(): StateContents<NextHop> {
  // One group, in which unchanged next hops keep their entries.
  const keyed = memoize((hop: NextHop): Keyed<NextHop> => [keyOf(hop), hop]);
  const group = memoizeLast((nextHops: readonly NextHop[]) => nextHops.map(keyed));
  return { groups: ({ nextHops }) => [group(nextHops)] };
}

function keyOf({ address, ifIndex }: Pick<NextHop, 'address' | 'ifIndex'>): string {
  return `${address} dev index ${ifIndex}`;
}

/** Heddle's are those with its protocol number that the kernel maintains, resolved or not. */
export function nextHopTable(
  socket: NetlinkSocket,
  listing: NeighbourListing = neighbourListing(socket),
): Table<NextHop> {
  const keptOf = memoizeLast(kept);
  const list = (): ReadonlyMap<string, Kept> => keptOf(listing());
  return {
    name: 'next-hops',
    key: keyOf,
    equal: (left, right) => keyOf(left) === keyOf(right),
    // A permanent entry of another process counts like heddle's while it exists.
    list: (desired) =>
      new Map([...list()].filter(([key, { isOurs }]) => isOurs || desired.has(key))),
    set: (wanted) => {
      const failures = writeBatch(socket, wanted, {
        key: keyOf,
        write: (hop, requests) => addNeighbour(requests, asNeighbour(hop)),
      });
      return takeOver(socket, wanted, { failures, list });
    },
    delete: (surplus) => {
      const present = list();
      const ours = surplus.filter((hop) => present.get(keyOf(hop))?.isOurs);
      return writeBatch(socket, ours, {
        key: keyOf,
        // ENODEV, ENXIO: it was deleted with its interface.
        ignored: ['ENOENT', 'ENODEV', 'ENXIO'],
        write: (hop, requests) => delNeighbour(requests, hop),
      });
    },
  };
}

interface Kept extends NextHop {
  readonly isOurs: boolean;
}

interface Present {
  /** Failed additions. */
  readonly failures: readonly EntryFailure[];
  list(): ReadonlyMap<string, Kept>;
}

// Most exist already, because the node has talked to them: these become heddle's with their MAC and state.
function takeOver(
  socket: NetlinkSocket,
  wanted: readonly NextHop[],
  { failures, list }: Present,
): readonly EntryFailure[] {
  const present = new Set(
    failures.filter(({ error }) => isKernelError(error, 'EEXIST')).map(({ key }) => key),
  );
  if (present.size === 0) return failures;
  const lasting = list();
  const ordinary = wanted.filter((hop) => present.has(keyOf(hop)) && !lasting.has(keyOf(hop)));
  return [
    ...failures.filter(({ key }) => !present.has(key)),
    ...writeBatch(socket, ordinary, {
      key: keyOf,
      write: (hop, requests) => replaceNeighbour(requests, asNeighbour(hop)),
    }),
  ];
}

function asNeighbour({ address, ifIndex }: NextHop): NeighbourOptions {
  const flags = { externallyLearned: true, managed: true } as const;
  return { address, ifIndex, state: 'none', protocol: nextHopProtocol, ...flags };
}

// Heddle's, and permanent ones of others: except entries of pods, and including those of other routing programs.
function kept(all: readonly Neighbour[]): ReadonlyMap<string, Kept> {
  const found = all.flatMap((neighbour) => {
    const isOurs = isNextHop(neighbour);
    if (!isOurs && (!isSetForGood(neighbour) || isPodNeighbour(neighbour))) return [];
    const { address, ifIndex } = neighbour;
    const entry = { address, ifIndex, isOurs };
    return [[keyOf(entry), entry] as const];
  });
  return new Map(found);
}

export function isNextHop({ protocol, state, managed, externallyLearned }: Neighbour): boolean {
  const isKept = managed === true && externallyLearned === true && state !== 'permanent';
  return isKept && protocol === nextHopProtocol;
}

/** Whether another process has set it and the kernel does not resolve or remove it by itself. */
export function isSetForGood({ protocol, state, externallyLearned }: Neighbour): boolean {
  const isOfProgram = externallyLearned === true && protocol !== nextHopProtocol;
  return state === 'permanent' || state === 'noarp' || isOfProgram;
}

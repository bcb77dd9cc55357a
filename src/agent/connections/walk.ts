// Walks the kernel's connection tracking table and removes entries that `staleness` reports, in steps, so that a table
// of a hundred thousand entries delays no one.

import type { NetworkNamespace } from '../../kernel/namespace.ts';
import {
  conntrackCount,
  conntrackPieces,
  deleteConntrackEntries,
} from '../../kernel/netfilter/conntrack.ts';
import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import { listRoutes } from '../../kernel/netlink/route.ts';
import { localTable, type RouteType } from '../../kernel/netlink/route-record.ts';
import { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import { type Prefix, parsePrefix } from '../../net/prefix.ts';
import { inPrefixes } from './in-prefixes.ts';
import { type Stale, staleness, type TranslationRules } from './translation.ts';

export interface WalkOptions {
  /** Default: the thread's own namespace. */
  readonly namespace?: NetworkNamespace | undefined;
  readonly rules: Omit<TranslationRules, 'isNode'>;
  /** Connections removed by an earlier walk: the other end may have begun the same connection since. */
  readonly removedBefore: ReadonlySet<string>;
}

export interface WalkResult {
  readonly seen: number;
  readonly removed: ReadonlyMap<Stale, number>;
  /** `turnedRound` of each removed entry. */
  readonly tuples: ReadonlySet<string>;
}

/** Throws KernelError. */
export async function walkConnections(options: WalkOptions): Promise<WalkResult> {
  const { namespace, rules, removedBefore } = options;
  using socket = NetlinkSocket.open({ family: 'netfilter', namespace });
  if (conntrackCount(socket) === 0) return { seen: 0, removed: new Map(), tuples: new Set() };
  using deletions = NetlinkSocket.open({ family: 'netfilter', namespace });
  const judge = staleness({ ...rules, isNode: inPrefixes(nodePrefixes(namespace)) });
  const removed = new Map<Stale, number>();
  const tuples = new Set<string>();
  let seen = 0;
  for await (const piece of conntrackPieces(socket)) {
    seen += piece.length;
    const stale = piece.flatMap((entry) => {
      const why = judge(entry) ?? (removedBefore.has(tuple(entry)) ? 'reversed' : undefined);
      return why === undefined ? [] : [{ entry, why }];
    });
    deleteConntrackEntries(
      deletions,
      stale.map(({ entry }) => entry),
    );
    for (const { entry, why } of stale) {
      removed.set(why, (removed.get(why) ?? 0) + 1);
      tuples.add(turnedRound(entry));
    }
  }
  return { seen, removed, tuples };
}

// Prefixes that the kernel treats as its own, including ranges and broadcasts: packets to them do not leave the node.
// Requested by type, because this table has an IPv6 multicast route per interface, a thousand for a thousand pods.
function nodePrefixes(namespace: NetworkNamespace | undefined): readonly Prefix[] {
  using socket = NetlinkSocket.open({ namespace });
  const own = takenTypes.flatMap((type) => listRoutes(socket, { table: localTable, type }));
  return [...own.map(({ destination }) => destination), ...neverForwarded];
}

const takenTypes: readonly RouteType[] = ['local', 'broadcast', 'anycast'];

const neverForwarded = [
  '127.0.0.0/8',
  '224.0.0.0/4',
  '255.255.255.255/32',
  '::1/128',
  'ff00::/8',
].map((text) => parsePrefix(text));

function tuple({ protocol, original }: ConntrackEntry): string {
  const { source, sourcePort, destination, destinationPort } = original;
  return [protocol, source, sourcePort, destination, destinationPort].join(' ');
}

function turnedRound({ protocol, original }: ConntrackEntry): string {
  const { source, sourcePort, destination, destinationPort } = original;
  return [protocol, destination, destinationPort, source, sourcePort].join(' ');
}

// Walks the kernel's connection tracking table and removes entries that `staleness` reports.

import type { NetworkNamespace } from '../../kernel/namespace.ts';
import { type RemovedConnections, removeConnections } from '../../kernel/netfilter/conntrack.ts';
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

export interface WalkResult extends RemovedConnections<Stale> {
  /** `turnedRound` of each removed entry. */
  readonly tuples: ReadonlySet<string>;
}

/** Throws KernelError. */
export async function walkConnections(options: WalkOptions): Promise<WalkResult> {
  const { namespace, rules, removedBefore } = options;
  const tuples = new Set<string>();
  const result = await removeConnections(namespace, () => {
    const judge = staleness({ ...rules, isNode: inPrefixes(nodePrefixes(namespace)) });
    return (entry) => {
      const why = judge(entry) ?? (removedBefore.has(tuple(entry)) ? 'reversed' : undefined);
      if (why !== undefined) tuples.add(turnedRound(entry));
      return why;
    };
  });
  return { ...result, tuples };
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

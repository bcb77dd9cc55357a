// Decides whether a tracked connection has the translation it would get if it began now. NAT applies its rules only to
// a connection's first packet, so a connection that began while rules were missing or different stays as it is while
// packets arrive. Pure. Translations that are not heddle's count as right.

import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import type { Masquerade } from '../../model/desired.ts';
import type { Address } from '../../net/address.ts';
import type { Prefix } from '../../net/prefix.ts';
import { type HostPort, type HostPortIndex, hostPortKey } from './host-port-index.ts';
import { inPrefixes } from './in-prefixes.ts';

export interface TranslationRules {
  /** Undefined: masquerading is off. */
  readonly masquerade: Masquerade | undefined;
  /** Whether packets to the address do not leave the node. */
  isNode(address: Address): boolean;
  readonly hostPorts: HostPortIndex;
  /** Prefixes in which host ports without an own address are reachable; absent: every address of the node. */
  readonly hostPortAddresses?: readonly Prefix[] | undefined;
  /** Removed host ports. Those that were added again are in `hostPorts` as well. */
  readonly formerPorts: HostPortIndex;
  /** Source addresses that packets left with before and would not leave with now. */
  readonly formerSources: ReadonlySet<Address>;
  /** Destinations that were exempt before: translations towards them belong to an administrator. Absent: none. */
  readonly exemptBefore?: readonly Prefix[];
  /**
   * Whether the route to the destination used one of these interfaces and now uses another; absent: no route has
   * changed.
   */
  hasMoved?(destination: Address, interfaces: readonly string[]): boolean;
  /** Addresses of deleted pods, whoever has them now. */
  readonly formerPods?: ReadonlySet<Address>;
  /** Whether a pod has this address; absent: any address may belong to a pod. */
  hasPod?(address: Address): boolean;
  /** Whether the pod began the connection, as seen by the data path; undefined: unknown. */
  beganByPod?(entry: ConntrackEntry): boolean | undefined;
}

/** Reason for the log. A connection without a reason is right. */
export type Stale =
  | 'pod deleted'
  | 'host port changed'
  | 'host port removed'
  | 'reply from a host port'
  | 'not masqueraded'
  | 'masqueraded to a former address'
  | 'masqueraded for another interface'
  | 'masqueraded unnecessarily'
  | 'reversed';

type Exemption = 'none' | 'old' | 'new';

/** Created for one walk over the table; caches the addresses it has seen. */
export function staleness(rules: TranslationRules): (entry: ConntrackEntry) => Stale | undefined {
  const { masquerade, isNode } = rules;
  const isSource = inPrefixes(masquerade?.sources ?? []);
  const isExempt = inPrefixes(masquerade?.exempt ?? []);
  const wasExempt = inPrefixes(rules.exemptBefore ?? []);
  const hasHostPorts =
    rules.hostPortAddresses === undefined ? undefined : inPrefixes(rules.hostPortAddresses);
  // Otherwise the next owner of the address would receive the packets, wherever the connection leads.
  const isGone = (address: Address): boolean =>
    rules.formerPods?.has(address) === true ||
    (rules.hasPod?.(address) === false && isSource(address) && !isNode(address));
  const exemptionOf = (address: Address): Exemption => {
    if (!isExempt(address)) return 'none';
    return wasExempt(address) ? 'old' : 'new';
  };
  return (entry) => {
    // Another zone belongs to another network, not to heddle.
    if (entry.status.dying || (entry.zone ?? 0) !== 0) return undefined;
    const { source, destination } = entry.original;
    if (isGone(source) || isGone(entry.reply.source)) return 'pod deleted';
    if (isNode(destination)) {
      return ofHostPort(rules, entry, hasHostPorts?.(destination) ?? true);
    }
    if (masquerade === undefined || isNode(source)) return undefined;
    if (isSource(source)) return ofPod(rules, entry, exemptionOf(entry.reply.source));
    const isFromWorld = isSource(destination) && !isExempt(source) && !isTranslated(entry);
    return isFromWorld && rules.beganByPod?.(entry) === true ? 'reversed' : undefined;
  };
}

// `atNode`: the destination is an address of the node itself, not of a Service that is local here.
function ofHostPort(
  { hostPorts, formerPorts }: TranslationRules,
  entry: ConntrackEntry,
  atNode: boolean,
): Stale | undefined {
  const mapping = lookUp(hostPorts, entry, atNode);
  // A host port matched before the address was known to belong to a Service. Connections that IPVS directs to the same
  // pod are not translated by connection tracking.
  const isCaptured = !atNode && entry.status.destinationNat;
  const former = lookUp(formerPorts, entry) ?? (isCaptured ? lookUp(hostPorts, entry) : undefined);
  const isFormer = former !== undefined && leadsTo(entry, former);
  if (mapping === undefined) return isFormer ? 'host port removed' : undefined;
  // Or a rule of other software, which comes before heddle's, directed it elsewhere: a Service with the node's address,
  // a published port.
  if (leadsTo(entry, mapping) || (!isFormer && entry.status.destinationNat)) return undefined;
  return 'host port changed';
}

function lookUp(
  ports: HostPortIndex,
  { protocol, original, family }: ConntrackEntry,
  atNode = true,
): HostPort | undefined {
  const { destination, destinationPort } = original;
  // Packets from the node to itself at ::1 are not translated (datapath/nft/host-ports.ts).
  if (!atNode || destinationPort === undefined || destination === '::1') return undefined;
  const there = ports.get(hostPortKey(protocol, destinationPort, destination));
  return there ?? ports.get(hostPortKey(protocol, destinationPort, family));
}

function leadsTo({ reply }: ConntrackEntry, { pod, containerPort }: HostPort): boolean {
  return reply.source === pod && reply.sourcePort === containerPort;
}

function ofPod(
  rules: TranslationRules,
  entry: ConntrackEntry,
  exemption: Exemption,
): Stale | undefined {
  const { isNode, hostPorts, formerSources } = rules;
  const { original, reply, status } = entry;
  // A server's reply without a tracked connection began a connection of its own and blocks the real one.
  if (!status.seenReply && hostPorts.isServed(entry.protocol, original))
    return 'reply from a host port';
  if (isNode(reply.source)) return undefined;
  const isMasqueraded = reply.destination !== original.source;
  if (exemption === 'old') return undefined;
  if (exemption === 'new') {
    // If a Service leads to a pod, kube-proxy decides on the source address.
    const isOurs = isMasqueraded && !status.destinationNat && isNode(reply.destination);
    return isOurs && !isWorkingStream(entry) ? 'masqueraded unnecessarily' : undefined;
  }
  if (!isMasqueraded) return 'not masqueraded';
  if (isForAnother(rules, entry)) return 'masqueraded for another interface';
  if (!formerSources.has(reply.destination)) return undefined;
  const works = isNode(reply.destination) && isWorkingStream(entry);
  return works ? undefined : 'masqueraded to a former address';
}

// On the new path the address gets no reply, or routers drop it. A stream has ended as well, and its client should
// notice.
function isForAnother(
  { masquerade, hasMoved }: TranslationRules,
  { reply }: ConntrackEntry,
): boolean {
  if (hasMoved === undefined) return false;
  const source = masquerade?.nodeSources.find(({ address }) => address === reply.destination);
  return source !== undefined && hasMoved(reply.source, source.interfaces);
}

function isTranslated({ original, reply }: ConntrackEntry): boolean {
  return reply.destination !== original.source || reply.source !== original.destination;
}

// The other end identifies such a connection by its addresses: removing the entry could only break it. Datagrams
// recover.
function isWorkingStream({ protocol, status, tcpState }: ConntrackEntry): boolean {
  if (!status.assured) return false;
  return protocol === 132 || (protocol === 6 && tcpState === 'established');
}

// Whether a tracked connection is translated as it would be if it began now. NAT looks at its rules for a connection's first
// packet only, so one that began while they were missing, or were others, stays as it is for as long as somebody sends.
// Pure; what is not ours to translate counts as right.

import type { ConntrackEntry } from '../../kernel/netfilter/conntrack-record.ts';
import type { Masquerade } from '../../model/desired.ts';
import type { Address } from '../../net/address.ts';
import type { Prefix } from '../../net/prefix.ts';
import { type HostPort, type HostPortIndex, hostPortKey } from './host-port-index.ts';
import { inPrefixes } from './in-prefixes.ts';

export interface TranslationRules {
  /** Undefined: nobody is masqueraded for. */
  readonly masquerade: Masquerade | undefined;
  /** What is sent to it does not leave the node. */
  isNode(address: Address): boolean;
  readonly hostPorts: HostPortIndex;
  /** Where host ports answer that are at no address of their own; absent: at every address of the node. */
  readonly hostPortAddresses?: readonly Prefix[] | undefined;
  /** Host ports that are no more; those that are there again are in `hostPorts` too. */
  readonly formerPorts: HostPortIndex;
  /** What packets left with before, and would not now. */
  readonly formerSources: ReadonlySet<Address>;
  /** Destinations that were exempt already: what is translated on the way there is an administrator's. Absent: none. */
  readonly exemptBefore?: readonly Prefix[];
  /** Its way out was one of these interfaces, and is another one now; absent: no way has changed. */
  hasMoved?(destination: Address, interfaces: readonly string[]): boolean;
  /** Of pods that are gone, whoever has the address now. */
  readonly formerPods?: ReadonlySet<Address>;
  /** There is a pod with this address; without this, every address may be one's. */
  hasPod?(address: Address): boolean;
  /** The pod began it as far as the data path has seen it; undefined: it has not. */
  beganByPod?(entry: ConntrackEntry): boolean | undefined;
}

/** In words for the log; a connection for which none is given is right. */
export type Stale =
  | 'pod is gone'
  | 'host port leads elsewhere'
  | 'host port is gone'
  | 'answer of a host port'
  | 'not masqueraded'
  | 'masqueraded to a former address'
  | 'masqueraded for another interface'
  | 'masqueraded without need'
  | 'turned round';

type Exemption = 'none' | 'old' | 'new';

/** Made for one walk over the table: it remembers the addresses that it has seen. */
export function staleness(rules: TranslationRules): (entry: ConntrackEntry) => Stale | undefined {
  const { masquerade, isNode } = rules;
  const isSource = inPrefixes(masquerade?.sources ?? []);
  const isExempt = inPrefixes(masquerade?.exempt ?? []);
  const wasExempt = inPrefixes(rules.exemptBefore ?? []);
  const hasHostPorts =
    rules.hostPortAddresses === undefined ? undefined : inPrefixes(rules.hostPortAddresses);
  // Who has its address next would be given what is sent to it, from wherever the connection leads.
  const isGone = (address: Address): boolean =>
    rules.formerPods?.has(address) === true ||
    (rules.hasPod?.(address) === false && isSource(address) && !isNode(address));
  const exemptionOf = (address: Address): Exemption => {
    if (!isExempt(address)) return 'none';
    return wasExempt(address) ? 'old' : 'new';
  };
  return (entry) => {
    // Another zone is another network, which is whoever's made it.
    if (entry.status.dying || (entry.zone ?? 0) !== 0) return undefined;
    const { source, destination } = entry.original;
    if (isGone(source) || isGone(entry.reply.source)) return 'pod is gone';
    if (isNode(destination)) {
      return ofHostPort(rules, entry, hasHostPorts?.(destination) ?? true);
    }
    if (masquerade === undefined || isNode(source)) return undefined;
    if (isSource(source)) return ofPod(rules, entry, exemptionOf(entry.reply.source));
    const isFromWorld = isSource(destination) && !isExempt(source) && !isTranslated(entry);
    return isFromWorld && rules.beganByPod?.(entry) === true ? 'turned round' : undefined;
  };
}

// `atNode`: its destination is an address of the node itself, not one of a Service that is local here.
function ofHostPort(
  { hostPorts, formerPorts }: TranslationRules,
  entry: ConntrackEntry,
  atNode: boolean,
): Stale | undefined {
  const mapping = lookUp(hostPorts, entry, atNode);
  // A host port took it before the address was known to be a Service's. What IPVS leads to the same pod has not been translated by
  // connection tracking.
  const isCaptured = !atNode && entry.status.destinationNat;
  const former = lookUp(formerPorts, entry) ?? (isCaptured ? lookUp(hostPorts, entry) : undefined);
  const isFormer = former !== undefined && leadsTo(entry, former);
  if (mapping === undefined) return isFormer ? 'host port is gone' : undefined;
  // Or a rule of others led it to where it goes, whose turn is before ours: a Service with the node's address, a published port.
  if (leadsTo(entry, mapping) || (!isFormer && entry.status.destinationNat)) return undefined;
  return 'host port leads elsewhere';
}

function lookUp(
  ports: HostPortIndex,
  { protocol, original, family }: ConntrackEntry,
  atNode = true,
): HostPort | undefined {
  const { destination, destinationPort } = original;
  // What the node sends to itself at ::1 is left alone (datapath/nft/host-ports.ts).
  if (destinationPort === undefined || destination === '::1') return undefined;
  const there = ports.get(hostPortKey(protocol, destinationPort, destination));
  if (there !== undefined || !atNode) return there;
  return ports.get(hostPortKey(protocol, destinationPort, family));
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
  // A server's answer that found no connection it belongs to began one of its own, and is in the way of the real one.
  if (!status.seenReply && hostPorts.isServed(entry.protocol, original))
    return 'answer of a host port';
  if (isNode(reply.source)) return undefined;
  const isMasqueraded = reply.destination !== original.source;
  if (exemption === 'old') return undefined;
  if (exemption === 'new') {
    // Where a Service leads to a pod, kube-proxy decides who sees whom.
    const isOurs = isMasqueraded && !status.destinationNat && isNode(reply.destination);
    return isOurs && !isWorkingStream(entry) ? 'masqueraded without need' : undefined;
  }
  if (!isMasqueraded) return 'not masqueraded';
  if (isForAnother(rules, entry)) return 'masqueraded for another interface';
  if (!formerSources.has(reply.destination)) return undefined;
  const works = isNode(reply.destination) && isWorkingStream(entry);
  return works ? undefined : 'masqueraded to a former address';
}

// Where it leaves now nobody answers the address, or routers drop it: a stream has ended too, and its client is to know.
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

// The other end knows such a connection by its addresses: taken away it could only break. Datagrams find another.
function isWorkingStream({ protocol, status, tcpState }: ConntrackEntry): boolean {
  if (!status.assured) return false;
  return protocol === 132 || (protocol === 6 && tcpState === 'established');
}

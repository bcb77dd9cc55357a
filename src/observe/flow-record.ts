// Converts a ring buffer event, or an idle entry of the flow table, into a readable flow.

import type { FlowEndView, FlowRecord, FlowSender, FlowService, TcpFlag } from '../api/flows.ts';
import {
  dropReason,
  dropReasonNames,
  type Flow,
  type FlowEvent,
  type FlowKey,
  flowDirection,
  flowEventKind,
  trafficDirection,
} from '../datapath/generated.ts';
import type { Address } from '../net/address.ts';
import { protocolName, protocols } from '../net/protocol.ts';
import type { AddressOwner } from './flow-names.ts';
import type { FlowEnds } from './led-flows.ts';

/** Converts kernel values into readable ones. */
export interface RecordContext {
  /** The owner at a time in the past (CLOCK_MONOTONIC); the address may belong to another pod by now. */
  owner(address: Address, atNs: number): AddressOwner;
  /** The pod behind an interface of this node. */
  sender(ifIndex: number): FlowSender | undefined;
  /** See `LedFlows`. */
  serviceOf(event: FlowEvent): FlowService | undefined;
  serviceOfEnded(ends: FlowEnds): FlowService | undefined;
  /** Converts CLOCK_MONOTONIC nanoseconds into milliseconds since 1970. */
  wallMs(monotonicNs: number): number;
}

export function recordOfEvent(event: FlowEvent, context: RecordContext): FlowRecord {
  const { protocol, source, destination } = event;
  const ported = hasPorts(protocol);
  const service = context.serviceOf(event);
  const flags = protocol === protocols.tcp ? tcpFlagNames(event.tcpFlags) : [];
  const end = (address: Address, port: number): FlowEndView =>
    flowEnd(address, ported ? port : undefined, context.owner(address, event.timeNs));
  return {
    kind: 'flow',
    time: new Date(context.wallMs(event.timeNs)).toISOString(),
    verdict: verdictOf(event.kind),
    ...senderOf(event, end(source, event.sourcePort), context),
    to: end(destination, event.destinationPort),
    ...(service === undefined ? {} : { service }),
    protocol: protocolName(protocol),
    direction: event.direction === trafficDirection.egress ? 'egress' : 'ingress',
    ...(flags.length === 0 ? {} : { tcpFlags: flags }),
    ...(event.kind === flowEventKind.drop ? { reason: dropReasonName(event.reason) } : {}),
    ...(event.kind === flowEventKind.close ? { totals: totalsOf(event) } : {}),
  };
}

/** The endpoint that caused the event, as a number per direction. */
export function ownerOf({ ifindex, direction }: Pick<FlowEvent, 'ifindex' | 'direction'>): number {
  return ifindex * 2 + direction;
}

// Drop reasons for packets whose sender is not verified. With the last two, the pod's own node would have dropped the
// packet, so the pod did not send it.
const unprovenReasons: ReadonlySet<number> = new Set([
  dropReason.malformed,
  dropReason.notIp,
  dropReason.extensionHeaders,
  dropReason.sourceRoute,
  dropReason.spoofedTunnel,
  dropReason.spoofedOutside,
  dropReason.forgedError,
  dropReason.neighbourDiscovery,
]);

// The source address of a dropped packet may be forged. Only the interface identifies the sender.
function senderOf(
  event: FlowEvent,
  claimed: FlowEndView,
  context: RecordContext,
): Pick<FlowRecord, 'from' | 'by'> {
  if (event.kind !== flowEventKind.drop) return { from: claimed };
  const { address, port } = claimed;
  const unverified: FlowEndView = {
    address,
    ...(port === undefined ? {} : { port }),
    kind: 'unverified',
  };
  if (event.direction === trafficDirection.ingress) {
    return { from: unprovenReasons.has(event.reason) ? unverified : claimed };
  }
  // The node itself sent the packet into a tunnel.
  if (event.ifindex === 0) return { from: claimed };
  const by = context.sender(event.ifindex);
  if (by === undefined) return { from: unverified };
  return by.addresses.includes(address) ? { from: claimed } : { from: unverified, by };
}

/** An entry whose end the data path did not see and that has been idle for long. */
export function recordOfIdleFlow(key: FlowKey, flow: Flow, context: RecordContext): FlowRecord {
  const ported = hasPorts(key.protocol);
  const end = (address: Address, port: number): FlowEndView =>
    flowEnd(address, ported ? port : undefined, context.owner(address, flow.lastSeenNs));
  const [low, high] = [end(key.low, key.lowPort), end(key.high, key.highPort)];
  const byHigh = flow.initiator === flowDirection.high;
  const [fromLow, fromHigh] = [count(flow, 0), count(flow, 1)];
  const from = byHigh ? high : low;
  const service = context.serviceOfEnded(endsOf(key, byHigh));
  return {
    kind: 'flow',
    time: new Date(context.wallMs(flow.lastSeenNs)).toISOString(),
    verdict: 'closed',
    from,
    to: byHigh ? low : high,
    ...(service === undefined ? {} : { service }),
    protocol: protocolName(key.protocol),
    direction: flow.direction === trafficDirection.egress ? 'egress' : 'ingress',
    totals: {
      durationMs: milliseconds(flow.lastSeenNs - flow.createdNs),
      sent: byHigh ? fromHigh : fromLow,
      received: byHigh ? fromLow : fromHigh,
      end: 'idle',
    },
  };
}

function endsOf({ protocol, low, lowPort, high, highPort }: FlowKey, byHigh: boolean): FlowEnds {
  const [source, destination] = byHigh ? [high, low] : [low, high];
  const [sourcePort, destinationPort] = byHigh ? [highPort, lowPort] : [lowPort, highPort];
  return { protocol, source, sourcePort, destination, destinationPort };
}

export function dropReasonName(reason: number): string {
  return dropReasonNames[reason] ?? `reason ${reason}`;
}

function verdictOf(kind: number): FlowRecord['verdict'] {
  if (kind === flowEventKind.drop) return 'dropped';
  return kind === flowEventKind.close ? 'closed' : 'allowed';
}

function flowEnd(address: Address, port: number | undefined, owner: AddressOwner): FlowEndView {
  return { address, ...(port === undefined ? {} : { port }), ...owner };
}

const withPorts: readonly number[] = [
  ...[protocols.tcp, protocols.udp, protocols.udplite, protocols.sctp],
];

function hasPorts(protocol: number): boolean {
  return withPorts.includes(protocol);
}

function totalsOf(event: FlowEvent): NonNullable<FlowRecord['totals']> {
  return {
    durationMs: milliseconds(event.timeNs - event.createdNs),
    sent: count(event, 0),
    received: count(event, 1),
    end: 'closed',
  };
}

function count(
  from: { readonly packets: readonly number[]; readonly bytes: readonly number[] },
  side: 0 | 1,
): { packets: number; bytes: number } {
  return { packets: from.packets[side] ?? 0, bytes: from.bytes[side] ?? 0 };
}

function milliseconds(ns: number): number {
  return Math.round(ns / 1e6);
}

// RFC 9293 3.1, from the lowest bit.
const flagNames: readonly TcpFlag[] = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'];

function tcpFlagNames(flags: number): TcpFlag[] {
  return flagNames.filter((_, bit) => (flags & (1 << bit)) !== 0);
}

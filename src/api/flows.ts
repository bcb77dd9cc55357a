// The flow log.

import type { PodName } from './endpoints.ts';

/**
 * GET /v1/flows: FlowLine as NDJSON, the recent ones (`?last=N`, all that are kept unless told) and,
 * with `?follow=1`, everything after until the client closes.
 */
export type FlowLine = FlowRecord | FlowGap;

export interface FlowRecord {
  readonly kind: 'flow';
  readonly time: string;
  readonly verdict: 'allowed' | 'closed' | 'dropped';
  /** The end that started the flow; for a drop, what the packet says of its sender. */
  readonly from: FlowEndView;
  /** dropped: the pod that sent it, where `from` is not one of that pod's addresses. */
  readonly by?: FlowSender;
  readonly to: FlowEndView;
  /** `tcp`, `udp`, `udplite`, `icmp`, `icmpv6`, `sctp` or the number. */
  readonly protocol: string;
  /** Seen from the endpoint that reported it. */
  readonly direction: 'ingress' | 'egress';
  readonly tcpFlags?: readonly TcpFlag[];
  /** dropped: why, in words. */
  readonly reason?: string;
  /** closed: what was sent. */
  readonly totals?: FlowTotals;
}

export type TcpFlag = 'fin' | 'syn' | 'rst' | 'psh' | 'ack' | 'urg' | 'ece' | 'cwr';

export interface FlowEndView {
  readonly address: string;
  /** Absent for protocols without ports. */
  readonly port?: number;
  readonly pod?: PodName;
  /** The node that has the address, or that the pod is on. */
  readonly node?: string;
  /** `world`: no pod, no node of the cluster. `unverified`: what a dropped packet says, and nothing shows it to be true. */
  readonly kind: 'pod' | 'node' | 'world' | 'unverified';
}

/** A pod of this node, known by its interface. */
export interface FlowSender {
  readonly node: string;
  /** Absent for a container that no Kubernetes-like runtime started. */
  readonly pod?: PodName;
  /** Its own. */
  readonly addresses: readonly string[];
}

export interface FlowTotals {
  readonly durationMs: number;
  /** By the end that started it. */
  readonly sent: PacketCount;
  readonly received: PacketCount;
  /** Why it ended: both sides closed it, or nothing was seen of it for long. */
  readonly end: 'closed' | 'idle';
}

export interface PacketCount {
  readonly packets: number;
  readonly bytes: number;
}

/** Stands in the stream where records are missing: the reader was too slow, or the data path could not send them. */
export interface FlowGap {
  readonly kind: 'gap';
  readonly time: string;
  readonly cause: 'slow reader' | 'suppressed' | 'ring full';
  readonly records: number;
  /** suppressed: whose flows they were, where that is known. */
  readonly by?: FlowSender;
}

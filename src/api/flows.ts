// The flow log.

import type { PodName } from './endpoints.ts';

/**
 * GET /v1/flows: FlowLine as NDJSON: the recent ones (`?last=N`, default all that are kept) and, with `?follow=1`, all
 * later ones until the client closes.
 */
export type FlowLine = FlowRecord | FlowGap;

export interface FlowRecord {
  readonly kind: 'flow';
  readonly time: string;
  readonly verdict: 'allowed' | 'closed' | 'dropped';
  /** The end that started the flow; for a drop, the claimed source. */
  readonly from: FlowEndView;
  /** dropped: the pod that sent the packet, if `from` is not one of that pod's addresses. */
  readonly by?: FlowSender;
  readonly to: FlowEndView;
  /** The Service to which the process of `from` connected, if its socket was led to `to`. */
  readonly service?: FlowService;
  /** `tcp`, `udp`, `udplite`, `icmp`, `icmpv6`, `sctp` or the number. */
  readonly protocol: string;
  /** From the point of view of the reporting endpoint. */
  readonly direction: 'ingress' | 'egress';
  readonly tcpFlags?: readonly TcpFlag[];
  /** dropped: the reason as text. */
  readonly reason?: string;
  /** closed: totals of the flow. */
  readonly totals?: FlowTotals;
}

export type TcpFlag = 'fin' | 'syn' | 'rst' | 'psh' | 'ack' | 'urg' | 'ece' | 'cwr';

export interface FlowEndView {
  readonly address: string;
  /** Absent for protocols without ports. */
  readonly port?: number;
  readonly pod?: PodName;
  /** The node that has the address, or the pod's node. */
  readonly node?: string;
  /**
   * `world`: neither a pod nor a node of the cluster. `unverified`: the claimed source of a dropped packet, without
   * proof.
   */
  readonly kind: 'pod' | 'node' | 'world' | 'unverified';
}

export interface FlowService {
  /** `shop/web`. Absent: no Service has the address and port any more. */
  readonly name?: string;
  /** Name of the Service's port. */
  readonly portName?: string;
  readonly address: string;
  readonly port: number;
}

/** A pod of this node, identified by its interface. */
export interface FlowSender {
  readonly node: string;
  /** Absent for a container that was not started for a Kubernetes pod. */
  readonly pod?: PodName;
  /** The pod's own addresses. */
  readonly addresses: readonly string[];
}

export interface FlowTotals {
  readonly durationMs: number;
  /** By the end that started it. */
  readonly sent: PacketCount;
  readonly received: PacketCount;
  /** Why it ended: both sides closed it, or it was idle for long. */
  readonly end: 'closed' | 'idle';
}

export interface PacketCount {
  readonly packets: number;
  readonly bytes: number;
}

/** Marks missing records in the stream: the reader was too slow, or the data path could not send them. */
export interface FlowGap {
  readonly kind: 'gap';
  readonly time: string;
  readonly cause: 'slow reader' | 'suppressed' | 'ring full';
  readonly records: number;
  /** suppressed: the pod whose flows they were, if known. */
  readonly by?: FlowSender;
}

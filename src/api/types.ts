// The JSON of every answer of the agent's unix-socket API: what the CLI, the lab and the CNI shim may rely on.
// Field names are stable: `-o json` prints these objects as they are. Times are ISO 8601 in UTC, sizes bytes.

import type { Bandwidth } from '../net/bandwidth.ts';

/** GET /v1/status */
export interface NodeStatus {
  readonly node: string;
  readonly version: string;
  /** Release of the running kernel, `6.12.1`. */
  readonly kernel: string;
  readonly pid: number;
  readonly startedAt: string;
  readonly uptimeMs: number;
  readonly health: HealthView;
  readonly mode: 'native' | 'vxlan';
  readonly cluster: ClusterView;
  /** The last settle that was caused by a change; absent before the first. */
  readonly lastChange?: ChangeView;
  readonly datapath: DatapathView;
  /** In apply order. */
  readonly tables: readonly TableView[];
  readonly endpoints: number;
  /** Empty before the first look. */
  readonly facts: readonly FactView[];
  readonly maps: readonly MapFill[];
  readonly drops: DropsView;
  readonly flowEvents: FlowEventTotals;
  /** Newest last; at most 20. */
  readonly recentErrors: readonly RecentError[];
  /** How long the parts of the start took, until ready. */
  readonly start: StartTimes;
}

export interface HealthView {
  /** starting: the first settle has not finished. degraded: something below `reasons` needs attention. */
  readonly state: 'starting' | 'healthy' | 'degraded';
  /** One sentence each, the gravest first; empty when healthy. */
  readonly reasons: readonly string[];
}

export interface ClusterView {
  /** Where cluster state comes from: `directory examples/demo`. */
  readonly source: string;
  /** False until the source delivered its first full list: nothing is pruned before. */
  readonly complete: boolean;
  readonly nodes: number;
  readonly pods: number;
  /** Services with an address. This version carries out none of them: they are kube-proxy's. */
  readonly services: number;
  readonly problems: readonly ProblemView[];
  /** Only where cluster state comes from an API server. */
  readonly apiServer?: ApiServerView;
}

export interface ApiServerView {
  /** The address in use, or the one tried last: `https://192.0.2.1:6443`. */
  readonly server?: string;
  readonly connectedSince?: string;
  /** Absent while the connection is well. */
  readonly unreachable?: FailingView;
  readonly resources: readonly ApiResourceView[];
  /** Since the agent's start, by verb and resource; watches that last are one request each. */
  readonly requests: readonly ApiRequestCount[];
}

/** A fact about the node's own kernel: docs/troubleshooting.md has a row for each. */
export interface FactView {
  /** `forward-hooks` */
  readonly id: string;
  /** problem: pods' packets stop, go astray or are translated wrongly. note: they may. unknown: the kernel was not read. */
  readonly state: 'ok' | 'note' | 'problem' | 'unknown';
  /** What is so, with names and values, and what to do; of a fact that holds, what is worth knowing. */
  readonly text?: string;
}

export interface FailingView {
  readonly since: string;
  readonly text: string;
}

export interface ApiResourceView {
  /** As in a ClusterRole: `pods`. */
  readonly resource: string;
  readonly objects: number;
  /** When the last full list was in; absent before the first. */
  readonly listedAt?: string;
  /** When a list was in or the watch last said anything, be it that nothing changed. */
  readonly watchedAt?: string;
  readonly watchRestarts: number;
  /** Full lists after the first: each time the server had forgotten where we were. */
  readonly relists: number;
  /** Only before the first list is in: since when it is read, and how many objects of it have come. */
  readonly reading?: { readonly since: string; readonly objects: number };
  readonly failing?: FailingView;
  /** Why the last list is not believed yet. */
  readonly doubt?: FailingView;
}

export interface ApiRequestCount {
  /** list, watch, patch, create */
  readonly verb: string;
  readonly resource: string;
  /** HTTP status; 0: no answer. */
  readonly code: number;
  readonly count: number;
}

/** Something in the cluster's objects that could not be used: a broken manifest, overlapping ranges. */
export interface ProblemView {
  /** What is wrong, where, with which value. */
  readonly text: string;
  /** What holds meanwhile. */
  readonly consequence?: string;
}

export interface ChangeView {
  readonly at: string;
  readonly cause: SettleCause;
  readonly durationMs: number;
  readonly writes: number;
}

export type SettleCause = 'start' | 'cluster' | 'endpoint' | 'network' | 'retry' | 'period';

/** What the kernel has, a line each, as `ip` would print it: of this node's links, also what is not Heddle's. */
export interface KernelView {
  readonly links: readonly string[];
  readonly addresses: readonly string[];
  readonly routes: readonly string[];
  readonly neighbours: readonly string[];
  /** Heddle's table as libnftables-json(5) has it; absent when there is none. */
  readonly nftables?: readonly unknown[];
}

export interface DatapathView {
  /** First 12 hex digits of the SHA-256 over object and constants. */
  readonly objectHash: string;
  /** True: the programs were already there from an earlier run and stayed as they were. */
  readonly adopted: boolean;
  readonly loadMs: number;
  readonly programs: number;
  /** Programs in place at interfaces: one a hook. */
  readonly attachments: number;
  /** Of pod interfaces. */
  readonly mtuBytes?: number;
  readonly uplinks: readonly UplinkView[];
}

export interface UplinkView {
  readonly name: string;
  readonly ifIndex: number;
  readonly mtuBytes: number;
  /** `10.200.0.11/24` */
  readonly addresses: readonly string[];
}

export interface TableView {
  readonly name: string;
  readonly desired: number;
  readonly applied: number;
  readonly failures: readonly TableFailure[];
  readonly writes: TableWrites;
}

export interface TableFailure {
  /** Absent when the table as a whole could not be listed. */
  readonly key?: string;
  readonly text: string;
  /** When it is tried again. */
  readonly retryAt: string;
}

/** Since the agent's start. */
export interface TableWrites {
  readonly set: number;
  readonly deleted: number;
  /** Of both: what had been changed behind the agent's back. */
  readonly restored: number;
}

export interface MapFill {
  readonly name: string;
  /** Absent where only a walk over a large map could tell. */
  readonly entries?: number;
  readonly maxEntries: number;
}

export interface DropsView {
  readonly lastMinute: number;
  /** Since the maps were made; only reasons that occurred. */
  readonly total: readonly DropCount[];
}

export interface DropCount {
  /** In words: `spoofed address`; `bandwidth limit` is what pods' queues dropped since the agent's start. */
  readonly reason: string;
  readonly packets: number;
  /** Absent for `bandwidth limit`, of which the kernel counts packets only. */
  readonly bytes?: number;
}

export interface FlowEventTotals {
  /** Read from the ring buffer since the agent's start. */
  readonly received: number;
  /** Not sent by the data path: over the budget a second. */
  readonly suppressed: number;
  /** Not sent by the data path: the ring buffer was full. */
  readonly lost: number;
}

export interface RecentError {
  readonly at: string;
  readonly text: string;
}

export interface StartTimes {
  /** From process start until the agent's own code ran. */
  readonly runtimeMs: number;
  readonly loadMs: number;
  /** From process start until /readyz answered 200; absent while starting. */
  readonly readyMs?: number;
}

/** GET /v1/endpoints: EndpointView[], ordered by id. */
export interface EndpointView {
  readonly id: number;
  readonly containerId: string;
  readonly ifName: string;
  readonly pod?: PodName;
  readonly addresses: readonly string[];
  readonly mac: string;
  readonly hostIfName: string;
  readonly hostIfIndex: number;
  readonly mtuBytes: number;
  readonly createdAt: string;
  /** In force, as the kernel has it. Absent: it may send and receive without limit. */
  readonly bandwidth?: Bandwidth | undefined;
  /** Asked for, and missing in the kernel; the agent puts them back. Absent: none is. */
  readonly missingLimits?: readonly (keyof Bandwidth)[] | undefined;
  /** Absent until the data path counts for it. */
  readonly traffic?: EndpointTraffic;
  /** Dropped because the queue of a limit was full: counted as received before, or not yet counted as sent. Absent where
   * nothing is limited. */
  readonly queueDroppedPackets?: number | undefined;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** Always seen from the pod. */
export interface EndpointTraffic {
  readonly ingress: TrafficCount;
  readonly egress: TrafficCount;
}

export interface TrafficCount {
  readonly packets: number;
  readonly bytes: number;
  readonly droppedPackets: number;
}

/** GET /v1/nodes: NodeView[], this node first, then by name. */
export interface NodeView {
  readonly name: string;
  readonly self: boolean;
  readonly addresses: readonly string[];
  /** Of them, those that only that Node speaks for: no flow is named after it by them. Absent: none. */
  readonly unverified?: readonly string[];
  readonly podCidrs: readonly string[];
  readonly pods: number;
}

/** GET /v1/maps */
export interface MapList {
  readonly maps: readonly MapFill[];
}

/** GET /v1/maps/NAME; 404 when there is no such map. */
export interface MapDump {
  readonly name: string;
  readonly maxEntries: number;
  readonly entries: readonly MapEntryView[];
  /** True when the answer was cut at the number of entries asked for (`?limit=`, 10,000 unless told). */
  readonly truncated: boolean;
}

/** Key and value with the field names of src/datapath/generated.ts; a per-CPU value is an array, one item a CPU. */
export interface MapEntryView {
  readonly key: unknown;
  readonly value: unknown;
}

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

/** Every answer with a status of 400 and above. */
export interface ErrorAnswer {
  readonly error: string;
}

// The answers of the API are one file per noun in this folder: what the CLI, the lab and the CNI shim may rely on. Field
// names are stable: `-o json` prints these objects as they are. Times are ISO 8601 in UTC, sizes bytes. This file: how
// the node is.

import type { ApiServerView } from './api-server.ts';
import type { MapFill } from './maps.ts';
import type { NodeProblem, ProblemKind } from './problem.ts';

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
  /** The texts of `problems`. */
  readonly reasons: readonly string[];
  /** The gravest first; empty when healthy. */
  readonly problems: readonly NodeProblem[];
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

/** A fact about the node's own kernel: docs/troubleshooting.md has a row for each. */
export interface FactView {
  /** `forward-hooks` */
  readonly id: string;
  /** problem: pods' packets stop, go astray or are translated wrongly. note: they may. unknown: the kernel was not read. */
  readonly state: 'ok' | 'note' | 'problem' | 'unknown';
  /** What is so, with names and values, and what to do; of a fact that holds, what is worth knowing. */
  readonly text?: string;
}

/** Something in the cluster's objects that could not be used: a broken manifest, overlapping ranges. */
export interface ProblemView {
  /** What is wrong, where, with which value. */
  readonly text: string;
  /** What holds meanwhile. */
  readonly consequence?: string;
  /** It is where cluster state comes from that cannot be read, and not one object. */
  readonly isSource?: true;
}

export interface ChangeView {
  readonly at: string;
  readonly cause: SettleCause;
  readonly durationMs: number;
  readonly writes: number;
}

export type SettleCause = 'start' | 'cluster' | 'endpoint' | 'network' | 'retry' | 'period';

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
  readonly kind: ErrorKind;
  readonly text: string;
  /** True while it lasts: `health`, `cluster`, `facts` or `tables` has it too. */
  readonly isCurrent?: true;
  /** Kind of the node's problem that caused it, if the error adds nothing to that problem. */
  readonly from?: ProblemKind | undefined;
}

/** problem: of the node or an object in the cluster; table: an entry that could not be written. */
export type ErrorKind = 'problem' | 'table' | 'cni' | 'connections' | 'api-server-way' | 'internal';

export interface StartTimes {
  /** From process start until the agent's own code ran. */
  readonly runtimeMs: number;
  readonly loadMs: number;
  /** From process start until /readyz answered 200; absent while starting. */
  readonly readyMs?: number;
}

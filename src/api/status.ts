// The types of the API's answers, one file per noun in this folder, on which the CLI, the lab and the CNI shim rely.
// Field names are stable: `-o json` prints these objects unchanged. Times are ISO 8601 in UTC, sizes are bytes. This
// file: the status of the node.

import type { ApiServerView } from './api-server.ts';
import type { MapFill } from './maps.ts';
import type { NodeProblem, ProblemKind } from './problem.ts';
import type { ServiceTranslator } from './services.ts';

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
  /** The last settle caused by a change; absent before the first. */
  readonly lastChange?: ChangeView;
  readonly datapath: DatapathView;
  /** In apply order. */
  readonly tables: readonly TableView[];
  readonly endpoints: number;
  /** Empty before the first check. */
  readonly facts: readonly FactView[];
  readonly maps: readonly MapFill[];
  readonly drops: DropsView;
  readonly flowEvents: FlowEventTotals;
  /** Newest last; at most 20. */
  readonly recentErrors: readonly RecentError[];
  /** Durations of the parts of the start, until ready. */
  readonly start: StartTimes;
}

export interface HealthView {
  /** starting: the first settle has not finished. degraded: one of `reasons` needs attention. */
  readonly state: 'starting' | 'healthy' | 'degraded';
  /** The texts of `problems`. */
  readonly reasons: readonly string[];
  /** The most serious first; empty when healthy. */
  readonly problems: readonly NodeProblem[];
}

export interface ClusterView {
  /** The source of cluster state: `directory examples/demo`. */
  readonly source: string;
  /** False until the source has delivered its first full list; nothing is pruned before. */
  readonly complete: boolean;
  readonly nodes: number;
  readonly pods: number;
  /** Number of Services with an address. */
  readonly services: number;
  readonly servicesBy: ServiceTranslator;
  /** Why, with `services.mode: auto`. */
  readonly servicesReason?: string;
  /** Whether kube-proxy is at work as well. Absent: nothing to note. */
  readonly servicesNote?: string;
  readonly problems: readonly ProblemView[];
  /** Only if cluster state comes from an API server. */
  readonly apiServer?: ApiServerView;
}

/** A fact about the node's own kernel: docs/troubleshooting.md has a row for each. */
export interface FactView {
  /** `forward-hooks` */
  readonly id: string;
  /**
   * problem: packets of pods are lost, misdirected or translated wrongly. note: they may be. unknown: the kernel could
   * not be read.
   */
  readonly state: 'ok' | 'note' | 'problem' | 'unknown';
  /** The finding with names and values, and the remedy; for a fact that holds, additional information. */
  readonly text?: string;
}

/** Unusable cluster objects: an invalid manifest, overlapping ranges. */
export interface ProblemView {
  /** What is wrong, where, with which value. */
  readonly text: string;
  /** What applies meanwhile. */
  readonly consequence?: string;
  /** Set if the source of cluster state cannot be read, rather than one object. */
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
  /** True: the programs of an earlier run were kept. */
  readonly adopted: boolean;
  readonly loadMs: number;
  readonly programs: number;
  /** Number of hooks with a program. */
  readonly attachments: number;
  /** MTU of pod interfaces. */
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
  /** Absent if the table as a whole could not be listed. */
  readonly key?: string;
  readonly text: string;
  /** Time of the next attempt. */
  readonly retryAt: string;
}

/** Since the agent's start. */
export interface TableWrites {
  readonly set: number;
  readonly deleted: number;
  /** Entries of both kinds that another process had changed. */
  readonly restored: number;
}

export interface DropsView {
  readonly lastMinute: number;
  /** Since the creation of the maps; only reasons with drops. */
  readonly total: readonly DropCount[];
}

export interface DropCount {
  /** As text: `spoofed address`. `bandwidth limit` counts drops of pods' queues since the agent's start. */
  readonly reason: string;
  readonly packets: number;
  /** Absent for `bandwidth limit`, for which the kernel counts only packets. */
  readonly bytes?: number;
}

export interface FlowEventTotals {
  /** Read from the ring buffer since the agent's start. */
  readonly received: number;
  /** Not sent by the data path: beyond the budget per second. */
  readonly suppressed: number;
  /** Not sent by the data path: the ring buffer was full. */
  readonly lost: number;
}

export interface RecentError {
  readonly at: string;
  readonly kind: ErrorKind;
  readonly text: string;
  /** True while the error lasts: `health`, `cluster`, `facts` or `tables` contains it too. */
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

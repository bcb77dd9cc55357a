// State of the connection to the API server: part of GET /v1/status.

export interface ApiServerView {
  /** The address in use, or the last one tried: `https://192.0.2.1:6443`. */
  readonly server?: string;
  readonly connectedSince?: string;
  /** Absent while the connection works. */
  readonly unreachable?: FailingView;
  readonly resources: readonly ApiResourceView[];
  /** Since the agent's start, by verb and resource. A watch is one request, however long it lasts. */
  readonly requests: readonly ApiRequestCount[];
}

export interface FailingView {
  readonly since: string;
  readonly text: string;
}

export interface ApiResourceView {
  /** As in a ClusterRole: `pods`. */
  readonly resource: string;
  readonly objects: number;
  /** When the last full list was complete; absent before the first. */
  readonly listedAt?: string;
  /** When a list was complete or the watch last sent something, bookmarks included. */
  readonly watchedAt?: string;
  readonly watchRestarts: number;
  /** Full lists after the first one: each time the server had discarded the watch position. */
  readonly relists: number;
  /** Only before the first list is complete: when reading began, and the number of objects so far. */
  readonly reading?: { readonly since: string; readonly objects: number };
  readonly failing?: FailingView;
  /** Why the last list is not accepted yet. */
  readonly doubt?: FailingView;
  /** Why a list that is due soon waits for the regular one. */
  readonly postponed?: FailingView;
}

export interface ApiRequestCount {
  /** list, watch, patch, create */
  readonly verb: string;
  readonly resource: string;
  /** HTTP status; 0: no answer. */
  readonly code: number;
  readonly count: number;
}

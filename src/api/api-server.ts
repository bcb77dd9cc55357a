// How the conversation with the API server goes: part of GET /v1/status.

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
  /** Why what should be listed again soon waits for the regular list. */
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

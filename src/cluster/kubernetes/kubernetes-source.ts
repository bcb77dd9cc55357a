// ClusterSource for the API server: one reflector per resource, whose stores are combined into snapshots.
//
//   API server --list, watch--> Reflector --> ObjectStore (trimmed, last good version) --> snapshot
//
// Requests: list and watch of nodes, namespaces, pods, services, endpointslices, networkpolicies and, if the resource
// exists, clusternetworkpolicies (docs/decisions/api-server-calls.md).

import { setMaxListeners } from 'node:events';
import type {
  ClusterEndpointSlice,
  ClusterNamespace,
  ClusterNetworkPolicy,
  ClusterNode,
  ClusterPod,
  ClusterService,
} from '../objects.ts';
import type { ClusterKind, ClusterObject } from '../parse-object.ts';
import type { ClusterSource } from '../source.ts';
import { type ClusterSnapshot, type ClusterState, emptyClusterState, keepState } from '../state.ts';
import { ApiClient, type RequestCount } from './client/api-client.ts';
import { type ApiTimes, apiTimes } from './client/api-times.ts';
import type { ConnectionState } from './client/connection.ts';
import type { Credentials } from './client/credentials.ts';
import { pause } from './client/pause.ts';
import { ClusterPolicies } from './cluster-policies.ts';
import { requireFixed } from './fixed-fields.ts';
import { budgetOf } from './object-budget.ts';
import { ObjectStore } from './object-store.ts';
import { lookForPod, type PodReference } from './pod-look.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorState } from './resource-state.ts';
import { readObject, resources } from './resources.ts';
import { nextUnheard, sourceProblems } from './source-problems.ts';
import { cutOf } from './trim.ts';

export interface KubernetesSourceOptions {
  readonly credentials: Credentials;
  /** Name of this node. A list of nodes without it is doubted. */
  readonly node?: string | undefined;
  /** Number of other nodes to which the kernel already has routes; read until the first list of Nodes is accepted. */
  readonly heldNodes?: (() => number) | undefined;
  /** False: only pods of this node are read. Default true. */
  readonly remotePods?: boolean | undefined;
  /** Minimum time between two snapshots, so that a hundred changes per second cost as much as twenty. Default 50 ms. */
  readonly snapshotPeriodMs?: number | undefined;
  /** Interval of checks for an optional resource. Default 10 minutes. */
  readonly lookAgainMs?: number | undefined;
  readonly times?: ApiTimes | undefined;
}

type Stores = ReadonlyMap<ClusterKind, ObjectStore<ClusterObject['object']>>;

/** State of the connection to the API server. */
export interface KubernetesSourceState {
  readonly connection: ConnectionState;
  readonly resources: readonly ReflectorState[];
  readonly requests: readonly RequestCount[];
}

// A burst (a Deployment's pods) becomes one snapshot. The delay is not noticeable.
const burstMs = 5;

export class KubernetesSource implements ClusterSource {
  readonly client: ApiClient;
  readonly #options: KubernetesSourceOptions;
  readonly #snapshotPeriodMs: number;
  readonly #times: ApiTimes;
  #reflectors: readonly Reflector[] = [];
  #policies: ClusterPolicies | undefined;
  #wake: () => void = () => undefined;
  #pods: ObjectStore<ClusterObject['object']> | undefined;

  constructor(options: KubernetesSourceOptions) {
    const { credentials, snapshotPeriodMs = 50, times = apiTimes } = options;
    this.#options = options;
    this.#times = times;
    this.client = new ApiClient(credentials, { onConnectionChange: () => this.#wake(), times });
    this.#snapshotPeriodMs = snapshotPeriodMs;
  }

  get name(): string {
    const { server } = this.client.state;
    return server === undefined ? 'API server' : `API server ${server}`;
  }

  get state(): KubernetesSourceState {
    return {
      connection: this.client.state,
      resources: [...this.#reflectors.map(({ state }) => state), ...(this.#policies?.states ?? [])],
      requests: this.client.counts,
    };
  }

  /** Requests this pod if it is not known. Throws like `ApiClient.json`. */
  async lookForPod(pod: PodReference): Promise<void> {
    const { client } = this;
    if (this.#pods !== undefined) await lookForPod(pod, { client, store: this.#pods });
  }

  /** See ClusterSource. Only one at a time. */
  async *watch(signal: AbortSignal): AsyncGenerator<ClusterSnapshot> {
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) return;
    // There is one listener per request, so the default limit does not apply.
    setMaxListeners(0, stop.signal);
    const stores = this.#makeStores();
    const running = this.#all.map((reflector) => reflector.run(stop.signal));
    try {
      yield* this.#snapshots(stores, stop.signal);
    } finally {
      stop.abort();
      signal.removeEventListener('abort', abort);
      await Promise.all(running);
      this.client[Symbol.dispose]();
    }
  }

  get #all(): readonly Reflector[] {
    const { reflector } = this.#policies ?? {};
    return reflector === undefined ? this.#reflectors : [...this.#reflectors, reflector];
  }

  #makeStores(): Stores {
    const onChange = (): void => this.#wake();
    const { client } = this;
    const { node, heldNodes, remotePods = true, lookAgainMs = 600_000 } = this.#options;
    const shared = { client, onChange, times: this.#times, bookmarking: new Set<string>() };
    this.#policies = new ClusterPolicies({ ...shared, lookAgainMs });
    const stores = new Map<ClusterKind, ObjectStore<ClusterObject['object']>>();
    this.#reflectors = resources({ podsOf: remotePods ? undefined : node }).map(
      ({ kind, name, path, selectors }) => {
        const read = (key: string, raw: unknown): ClusterObject['object'] =>
          readObject(kind, key, raw);
        const store = new ObjectStore(read, onChange, {
          kind,
          budget: budgetOf(kind),
          cutOf: (raw) => cutOf(kind, raw),
          requireFixed: (versions) => requireFixed(kind, versions),
        });
        stores.set(kind, store);
        const ofNodes =
          kind === 'Node' ? { expected: node, held: heldNodes, canHold: isReachable } : {};
        const what = { kind, resource: name, path, selectors, store };
        return new Reflector({ ...shared, ...what, ...ofNodes });
      },
    );
    this.#pods = stores.get('Pod');
    return stores;
  }

  async *#snapshots(stores: Stores, signal: AbortSignal): AsyncGenerator<ClusterSnapshot> {
    let snapshot: ClusterSnapshot | undefined;
    let changed = this.#nextChange(signal);
    while (!signal.aborted) {
      const next = this.#compose(stores, snapshot);
      if (next !== snapshot) {
        snapshot = next;
        yield next;
      }
      const began = performance.now();
      const unheard = this.#unheardTimer();
      await changed;
      clearTimeout(unheard);
      const leftMs = this.#snapshotPeriodMs - (performance.now() - began);
      await pause(Math.max(burstMs, leftMs), { signal });
      changed = this.#nextChange(signal);
    }
  }

  // Silence causes no event, so a timer is needed.
  #unheardTimer(): NodeJS.Timeout | undefined {
    const at = nextUnheard(this.state.resources, this.#times.unheardMs);
    if (at === undefined) return undefined;
    return setTimeout(() => this.#wake(), at - performance.now() + 1).unref();
  }

  #nextChange(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#wake = wake;
      signal.addEventListener('abort', wake, { once: true });
    });
  }

  #compose(stores: Stores, previous: ClusterSnapshot | undefined): ClusterSnapshot {
    const complete = this.#reflectors.every(({ isSynced }) => isSynced);
    const before = previous?.state ?? emptyClusterState;
    // A partial cluster is useless, and publishing it page by page would cost as much as reading it.
    const state = complete ? stateOf(stores, before) : before;
    const told = [...stores.values(), ...(this.#policies === undefined ? [] : [this.#policies])];
    const { unheardMs } = this.#times;
    const problems = sourceProblems({ ...this.state, complete, stores: told, unheardMs });
    const isSame =
      previous !== undefined &&
      state === previous.state &&
      complete === previous.complete &&
      problems.length === previous.problems.length &&
      problems.every(({ text }, index) => text === previous.problems[index]?.text);
    return isSame ? previous : { state, problems, complete };
  }
}

// A route needs both a range and an address.
function isReachable(node: object): boolean {
  const { podCidrs, addresses } = node as ClusterNode;
  return podCidrs.length > 0 && addresses.length > 0;
}

function stateOf(stores: Stores, previous: ClusterState): ClusterState {
  const state: ClusterState = {
    nodes: view<ClusterNode>(stores, 'Node'),
    namespaces: view<ClusterNamespace>(stores, 'Namespace'),
    pods: view<ClusterPod>(stores, 'Pod'),
    services: view<ClusterService>(stores, 'Service'),
    endpointSlices: view<ClusterEndpointSlice>(stores, 'EndpointSlice'),
    networkPolicies: view<ClusterNetworkPolicy>(stores, 'NetworkPolicy'),
  };
  return keepState(state, previous);
}

// A store holds the results of its kind's parser; `readObject` connects the two.
function view<T extends ClusterObject['object']>(
  stores: Stores,
  kind: ClusterKind,
): ReadonlyMap<string, T> {
  return (stores.get(kind)?.view() ?? new Map()) as ReadonlyMap<string, T>;
}

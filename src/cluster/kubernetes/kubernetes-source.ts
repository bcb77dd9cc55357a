// ClusterSource over the API server: one reflector a resource, their stores put together into snapshots.
//
//   API server --list, watch--> Reflector --> ObjectStore (trimmed, last good version) --> snapshot
//
// What it asks for: list and watch on nodes, namespaces, pods, services, endpointslices, networkpolicies and, where there
// is such a resource, clusternetworkpolicies (docs/decisions/api-server-calls.md).

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
import { ApiClient, type ConnectionState, type RequestCount } from './api-client.ts';
import { ClusterPolicies } from './cluster-policies.ts';
import type { Credentials } from './credentials.ts';
import { ObjectStore } from './object-store.ts';
import { pause } from './pause.ts';
import { Reflector, type ReflectorState } from './reflector.ts';
import { readObject, resources } from './resources.ts';
import { sourceProblems } from './source-problems.ts';

export interface KubernetesSourceOptions {
  readonly credentials: Credentials;
  /** Least time between two snapshots, so that a hundred changes a second cost as much as twenty. Default 50 ms. */
  readonly snapshotPeriodMs?: number | undefined;
  /** How often a resource that the cluster need not have is looked for. Default 10 minutes. */
  readonly lookAgainMs?: number | undefined;
}

type Stores = ReadonlyMap<ClusterKind, ObjectStore<ClusterObject['object']>>;

/** How the conversation with the API server goes. */
export interface KubernetesSourceState {
  readonly connection: ConnectionState;
  readonly resources: readonly ReflectorState[];
  readonly requests: readonly RequestCount[];
}

// A burst (a Deployment's pods) is one snapshot; nobody notices the delay.
const burstMs = 5;

export class KubernetesSource implements ClusterSource {
  readonly client: ApiClient;
  readonly #snapshotPeriodMs: number;
  readonly #lookAgainMs: number;
  #reflectors: readonly Reflector[] = [];
  #policies: ClusterPolicies | undefined;
  #wake: () => void = () => undefined;

  constructor({
    credentials,
    snapshotPeriodMs = 50,
    lookAgainMs = 600_000,
  }: KubernetesSourceOptions) {
    this.#lookAgainMs = lookAgainMs;
    this.client = new ApiClient(credentials, { onConnectionChange: () => this.#wake() });
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

  /** See ClusterSource. One at a time. */
  async *watch(signal: AbortSignal): AsyncGenerator<ClusterSnapshot> {
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) return;
    // One listener a request is right here; there are always as many as watches.
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
    this.#policies = new ClusterPolicies({ client, onChange, lookAgainMs: this.#lookAgainMs });
    const stores = new Map<ClusterKind, ObjectStore<ClusterObject['object']>>();
    this.#reflectors = resources.map(({ kind, name, path, selectors }) => {
      const store = new ObjectStore((key, raw) => readObject(kind, key, raw), onChange);
      stores.set(kind, store);
      return new Reflector({
        client,
        resource: name,
        path,
        selectors,
        store,
        onChange,
      });
    });
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
      await changed;
      const leftMs = this.#snapshotPeriodMs - (performance.now() - began);
      await pause(Math.max(burstMs, leftMs), { signal });
      changed = this.#nextChange(signal);
    }
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
    // Half a cluster is of no use to anyone, and showing it page by page would cost as much as reading it.
    const state = complete ? stateOf(stores, before) : before;
    const told = [...stores.values(), ...(this.#policies === undefined ? [] : [this.#policies])];
    const problems = sourceProblems({ ...this.state, complete, stores: told });
    const isSame =
      previous !== undefined &&
      state === previous.state &&
      complete === previous.complete &&
      problems.length === previous.problems.length &&
      problems.every(({ text }, index) => text === previous.problems[index]?.text);
    return isSame ? previous : { state, problems, complete };
  }
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

// A store holds what its kind's parser made; `readObject` ties the two together.
function view<T extends ClusterObject['object']>(
  stores: Stores,
  kind: ClusterKind,
): ReadonlyMap<string, T> {
  return (stores.get(kind)?.view() ?? new Map()) as ReadonlyMap<string, T>;
}

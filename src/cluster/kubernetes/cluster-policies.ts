// ClusterNetworkPolicy objects, if the cluster has that resource. Each is reported as not enforced, because someone
// relies on it. The resource may be installed at any time, so its existence is checked periodically.

import type { ObjectMeta } from '../objects.ts';
import { parseNamespace } from '../parse-node.ts';
import type { SourceProblem } from '../state.ts';
import type { ApiClient } from './client/api-client.ts';
import { shownText } from './client/shown.ts';
import { ObjectStore } from './object-store.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorOptions } from './reflector-options.ts';
import type { ReflectorState } from './resource-state.ts';
import { trimParsed, trimRaw } from './trim.ts';

export interface ClusterPoliciesOptions extends Pick<ReflectorOptions, 'times' | 'bookmarking'> {
  readonly client: ApiClient;
  onChange(): void;
  /** Interval of checks for the resource. */
  readonly lookAgainMs: number;
}

export class ClusterPolicies {
  readonly reflector: Reflector;
  readonly #store: ObjectStore<ObjectMeta>;

  constructor({ client, onChange, lookAgainMs, ...shared }: ClusterPoliciesOptions) {
    this.#store = new ObjectStore(readPolicy, onChange, { kind: 'ClusterNetworkPolicy' });
    this.reflector = new Reflector({
      ...shared,
      client,
      resource: 'clusternetworkpolicies',
      kind: 'ClusterNetworkPolicy',
      path: '/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies',
      selectors: {},
      store: this.#store,
      onChange,
      absentRetryMs: lookAgainMs,
    });
  }

  /** Empty if the cluster does not have the resource. */
  get states(): readonly ReflectorState[] {
    const { state } = this.reflector;
    return state.listedAt === undefined && state.failing === undefined ? [] : [state];
  }

  get problems(): readonly SourceProblem[] {
    const unenforced = Array.from(this.#store.view().keys(), (name) => ({
      subject: `ClusterNetworkPolicy ${name}`,
      text: `ClusterNetworkPolicy ${shownText(name, 253)}: is not enforced: this version has no cluster-wide policy yet`,
      consequence: 'all pods can reach each other',
    }));
    return [...this.#store.problems, ...unenforced];
  }
}

// Only its name is used, as for a Namespace.
function readPolicy(key: string, raw: unknown): ObjectMeta {
  const trimmed = trimRaw('Namespace', raw);
  return trimParsed(parseNamespace(trimmed, `API server: ClusterNetworkPolicy ${key}`));
}

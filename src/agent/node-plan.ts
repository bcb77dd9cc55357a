// The plan for the node's network: combines cluster state, facts about the node and endpoints, computes the desired
// state, and lets the reconciler apply it.

import type { SettleCause } from '../api/status.ts';
import type { Entries } from '../base/collections/collection.ts';
import { Copy } from '../base/collections/mirror.ts';
import { errorText } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { memoize } from '../base/memoize.ts';
import type { ClusterEndpointSlice } from '../cluster/objects.ts';
import { type ClusterSnapshot, type ClusterState, emptyClusterState } from '../cluster/state.ts';
import type { Link } from '../kernel/netlink/link-record.ts';
import type { DesiredState, ModelConfig, UnclaimedInterface } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { agedClaims, type HeldClaims, nothingHeld } from '../model/held-claims.ts';
import type { HostFacts } from '../model/host.ts';
import { overlayDeviceName } from '../model/ids.ts';
import { Model } from '../model/model.ts';
import type { Address } from '../net/address.ts';
import type { SettleReport } from '../reconcile/status.ts';
import type { PlanOptions } from '../reconcile/tracking.ts';
import type { AppliedTranslation } from './connections/applied.ts';
import { exitsOf } from './host/exits.ts';
import { type HostListing, hostFacts } from './host/facts.ts';

export interface NodePlanOptions {
  readonly model: ModelConfig;
  readonly uplinks: 'auto' | readonly string[];
  /**
   * Nothing is computed or written before the source has delivered its first full list: the state left by an earlier
   * agent is better than the result of half a cluster. Otherwise the list needs to contain only this node's own Node.
   */
  readonly waitsForCluster?: boolean;
  listHost(): HostListing;
  /** Addresses of the API server; absent if there is none. */
  apiServers?(): readonly Address[];
  endpoints(): Entries<string, LocalEndpoint>;
  /** Monotonic time in ms. Default: the process's clock. */
  now?(): number;
  /** See `DesiredState.unclaimed`. */
  unclaimed?(links: readonly Link[]): readonly UnclaimedInterface[];
  /** Receives errors of the model itself, each once while it lasts. */
  readonly log?: Pick<Logger, 'error'>;
  readonly reconciler: {
    settle(desired: DesiredState, options: PlanOptions): Promise<SettleReport>;
  };
}

/** Inputs of the desired state, except the endpoints. */
interface Known {
  readonly snapshot: ClusterSnapshot;
  readonly host: HostFacts;
  readonly unclaimed: readonly UnclaimedInterface[];
}

export class NodePlan {
  readonly #options: NodePlanOptions;
  readonly #model: Model;
  /** As of the last settle's begin: pods come and go while tables are written. */
  readonly #endpoints = new Copy<string, LocalEndpoint>();
  #snapshot: ClusterSnapshot = { state: emptyClusterState, problems: [], complete: false };
  #listing: HostListing | undefined;
  #host: HostFacts = { uplinks: [] };
  #unclaimed: readonly UnclaimedInterface[] = [];
  #desired: DesiredState;
  #held: HeldClaims | undefined;
  /** The last inputs whose result could be applied. */
  #good: Known | undefined;
  #hostProblem: string | undefined;
  #modelProblem: string | undefined;

  constructor(options: NodePlanOptions) {
    this.#options = options;
    const { nodeName, mode } = options.model;
    this.#model = new Model(options.model);
    this.#desired = nothingDesired({ nodeName, mode, endpoints: this.#endpoints.entries });
    try {
      this.#desired = this.#compute(this.#known());
    } catch (error) {
      this.#modelProblem = this.#told(this.#modelProblem, cannotCompute, error);
    }
  }

  get snapshot(): ClusterSnapshot {
    return this.#snapshot;
  }

  get host(): HostFacts {
    return this.#host;
  }

  /** Addresses and interfaces by which packets of pods leave, after the last settle. */
  get translation(): Omit<AppliedTranslation, 'endpoints' | 'isWritten'> {
    const { masquerade, hostPortAddresses } = this.#desired;
    const exits = this.#listing && exitsOfListing(this.#listing);
    return { masquerade, hostPortAddresses, host: this.#host, exits };
  }

  /** Desired state of the last settle. */
  get desired(): DesiredState {
    return this.#desired;
  }

  /** Nothing is applied yet: see `waitsForCluster`, and `problem` at the start. */
  get isWaiting(): boolean {
    return this.#isClusterUnknown || (this.problem !== undefined && this.#good === undefined);
  }

  /**
   * Why the current facts of cluster and node are not used. The desired state then comes from the last usable facts and
   * the current pods; at the start nothing is applied.
   */
  get problem(): string | undefined {
    return this.#hostProblem ?? this.#modelProblem;
  }

  // Without this node's own Node the rules for its pods and its tunnels would be removed, although nothing is pruned.
  get #isClusterUnknown(): boolean {
    const { waitsForCluster, model } = this.#options;
    const { state, complete } = this.#snapshot;
    if (complete) return false;
    return (
      waitsForCluster === true || (this.#good === undefined && !state.nodes.has(model.nodeName))
    );
  }

  /**
   * Takes effect with the next settle. False: nothing in it can change the node. Most changes in a cluster are of
   * endpoint slices, of which only the API server's counts here.
   */
  replaceSnapshot(snapshot: ClusterSnapshot): boolean {
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    return before.complete !== snapshot.complete || !isAlike(before.state, snapshot.state);
  }

  /**
   * A new or deleted pod changes nothing about the node, and a change of the cluster affects only the choice among
   * known interfaces. For all other causes the host is listed again. The kernel's tables are listed again if the node
   * changed, because a link that went down or came up has lost routes.
   */
  async settle(causes: readonly SettleCause[]): Promise<SettleReport> {
    const relist = causes.some((cause) => cause === 'network' || cause === 'period');
    if (causes.some((cause) => cause !== 'endpoint' && cause !== 'cluster')) this.#observe();
    else if (causes.includes('cluster')) this.#chooseHost();
    if (this.#isClusterUnknown) return nothingDone;
    const report = await this.#apply(relist);
    const hostBefore = this.#host;
    // Entries just written may be what others need: overlay routes need the index of the VXLAN device.
    if (this.#desired.overlay !== undefined && report.writes.set > 0) this.#observe();
    return hostBefore === this.#host ? report : joined(report, await this.#apply(false));
  }

  #observe(): void {
    this.#listing = this.#options.listHost();
    this.#unclaimed = this.#options.unclaimed?.(this.#listing.links) ?? [];
    this.#chooseHost();
  }

  #chooseHost(): void {
    const { model, uplinks, listHost } = this.#options;
    this.#listing ??= listHost();
    const nodeAddresses = this.#snapshot.state.nodes.get(model.nodeName)?.addresses ?? [];
    const apiServers = [
      ...(this.#options.apiServers?.() ?? []),
      ...apiServerEndpoints(this.#snapshot.state.endpointSlices),
    ];
    const choice = { uplinks, nodeAddresses, overlayDevice: overlayDeviceName, apiServers };
    try {
      this.#host = hostFacts(this.#listing, choice, this.#host);
      this.#hostProblem = undefined;
    } catch (error) {
      this.#hostProblem = this.#told(
        this.#hostProblem,
        'the state of the node cannot be used',
        error,
      );
    }
  }

  async #apply(relist: boolean): Promise<SettleReport> {
    const by = this.#follow();
    if (by === undefined) return nothingDone;
    const prune = by.snapshot.complete;
    return this.#options.reconciler.settle(this.#desired, { relist, prune });
  }

  /**
   * Inputs of the desired state: the current ones or, if they are unusable, the previous ones. Undefined: neither
   * exists.
   */
  #follow(): Known | undefined {
    // Without its uplinks a node would lose its existing routes.
    if (this.#hostProblem !== undefined && this.#good === undefined) return undefined;
    const known = this.#known();
    this.#endpoints.follow(this.#options.endpoints());
    try {
      this.#desired = this.#compute(known);
      this.#modelProblem = undefined;
      this.#good = known;
    } catch (error) {
      this.#modelProblem = this.#told(this.#modelProblem, cannotCompute, error);
      // Pods are still added and deleted. A pod that breaks the computation fails its own settle.
      if (this.#good !== undefined) this.#desired = this.#compute(this.#good);
    }
    return this.#good;
  }

  #known(): Known {
    return { snapshot: this.#snapshot, host: this.#host, unclaimed: this.#unclaimed };
  }

  #told(before: string | undefined, what: string, error: unknown): string {
    const text = `${what}: ${errorText(error)}; the earlier state stays in force`;
    if (text !== before) this.#options.log?.error({ error }, text);
    return text;
  }

  #compute({ snapshot, host, unclaimed }: Known): DesiredState {
    const desired = this.#model.compute({
      cluster: snapshot.state,
      endpoints: this.#endpoints.entries,
      host,
      unclaimed: unclaimed.length === 0 ? undefined : unclaimed,
      held: this.#held,
    });
    this.#held = agedClaims(desired.held, (this.#options.now ?? monotonicMs)());
    return desired;
  }
}

const cannotCompute = 'the desired state cannot be computed';

/** The initial value, which is never applied. */
function nothingDesired(
  known: Pick<DesiredState, 'nodeName' | 'mode' | 'endpoints'>,
): DesiredState {
  return {
    ...{ ...known, podRanges: [], uplinks: [], hostAddresses: [], remoteRanges: [] },
    ...{ remoteNodes: [], nextHops: [], podMtuBytes: 1500, pathMtuBytes: 1500 },
    ...{ podSources: [], strayAddresses: [], strayProblems: [], nodes: new Map() },
    ...{ held: nothingHeld, problems: [] },
  };
}

const exitsOfListing = memoize(exitsOf);

/**
 * Addresses behind the Service `kubernetes`, whichever address this node uses itself. The slice with this name belongs
 * to the API server, which reverts changes by others. Another slice with the Service's label, which anyone who may write
 * slices in `default` can create, could take the range of every Node that contains its addresses.
 */
function apiServerEndpoints(slices: ReadonlyMap<string, ClusterEndpointSlice>): readonly Address[] {
  const slice = slices.get(apiServerSlice);
  if (slice?.service !== 'kubernetes') return [];
  return slice.endpoints.flatMap(({ addresses }) => addresses).slice(0, apiServersAtMost);
}

function isAlike(left: ClusterState, right: ClusterState): boolean {
  const kinds = Object.keys(left) as (keyof ClusterState)[];
  return kinds.every((kind) =>
    kind === 'endpointSlices'
      ? left[kind].get(apiServerSlice) === right[kind].get(apiServerSlice)
      : left[kind] === right[kind],
  );
}

const apiServerSlice = 'default/kubernetes';
const apiServersAtMost = 64;

const monotonicMs = (): number => performance.now();

const nothingDone: SettleReport = {
  writes: { set: 0, deleted: 0, restored: 0 },
  written: [],
  failures: [],
};

/** Failures come from the second report; writes are added. */
function joined(first: SettleReport, second: SettleReport): SettleReport {
  return {
    ...second,
    writes: {
      set: first.writes.set + second.writes.set,
      deleted: first.writes.deleted + second.writes.deleted,
      restored: first.writes.restored + second.writes.restored,
    },
    written: [...new Set([...first.written, ...second.written])],
  };
}

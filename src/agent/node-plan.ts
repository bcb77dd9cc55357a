// The node's network as a whole: takes in what the cluster says, what the node looks like and which endpoints there are,
// computes what should be, and has the reconciler make it so.

import type { SettleCause } from '../api/status.ts';
import { errorText } from '../base/errors.ts';
import type { Logger } from '../base/log.ts';
import { memoize } from '../base/memoize.ts';
import type { ClusterEndpointSlice } from '../cluster/objects.ts';
import { type ClusterSnapshot, emptyClusterState } from '../cluster/state.ts';
import type { Link } from '../kernel/netlink/link-record.ts';
import { computeDesired } from '../model/compute-desired.ts';
import type { DesiredState, ModelConfig, UnclaimedInterface } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { agedClaims, type HeldClaims, nothingHeld } from '../model/held-claims.ts';
import type { HostFacts } from '../model/host.ts';
import { overlayDeviceName } from '../model/network/overlay-device.ts';
import type { Address } from '../net/address.ts';
import type { SettleReport } from '../reconcile/status.ts';
import type { PlanOptions } from '../reconcile/tracking.ts';
import type { AppliedTranslation } from './connections/applied.ts';
import { exitsOf } from './host/exits.ts';
import { type HostListing, hostFacts } from './host/facts.ts';

export interface NodePlanOptions {
  readonly model: ModelConfig;
  readonly uplinks: 'auto' | readonly string[];
  /** Nothing is computed or written before the source has delivered its first full list: what an earlier agent left
   * serves better than what half a cluster would give. */
  readonly waitsForCluster?: boolean;
  listHost(): HostListing;
  /** Addresses of the API server; absent: there is none. */
  apiServers?(): readonly Address[];
  endpoints(): readonly LocalEndpoint[];
  /** ms, of a clock that never goes back; absent: the process's. */
  now?(): number;
  /** See `DesiredState.unclaimed`. */
  unclaimed?(links: readonly Link[]): readonly UnclaimedInterface[];
  /** Gets errors of the model's own, once while they last. */
  readonly log?: Pick<Logger, 'error'>;
  readonly reconciler: {
    settle(desired: DesiredState, options: PlanOptions): Promise<SettleReport>;
  };
}

/** What the desired state is computed from, but for the endpoints. */
interface Known {
  readonly snapshot: ClusterSnapshot;
  readonly host: HostFacts;
  readonly unclaimed: readonly UnclaimedInterface[];
}

export class NodePlan {
  readonly #options: NodePlanOptions;
  #snapshot: ClusterSnapshot = { state: emptyClusterState, problems: [], complete: false };
  #listing: HostListing | undefined;
  #host: HostFacts = { uplinks: [] };
  #unclaimed: readonly UnclaimedInterface[] = [];
  #desired: DesiredState;
  #held: HeldClaims | undefined;
  /** The last from which a state was computed that was to be applied. */
  #good: Known | undefined;
  #hostProblem: string | undefined;
  #modelProblem: string | undefined;

  constructor(options: NodePlanOptions) {
    this.#options = options;
    const { nodeName, mode } = options.model;
    this.#desired = nothingDesired(nodeName, mode);
    try {
      this.#desired = this.#compute(this.#known(), []);
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

  /** What pods' packets leave with and by, as of the last settle. */
  get translation(): Omit<AppliedTranslation, 'endpoints' | 'isWritten'> {
    const { masquerade, hostPortAddresses } = this.#desired;
    const exits = this.#listing === undefined ? undefined : exitsOfListing(this.#listing);
    return { masquerade, hostPortAddresses, host: this.#host, exits };
  }

  /** As of the last settle. */
  get desired(): DesiredState {
    return this.#desired;
  }

  /** Nothing is applied yet: see `waitsForCluster`, and `problem` at the start. */
  get isWaiting(): boolean {
    return this.#isClusterUnknown || (this.problem !== undefined && this.#good === undefined);
  }

  /**
   * Why the desired state is not made of what is now known of cluster and node. It is made of what could be computed before, with
   * the pods that there are now; at the start nothing is applied.
   */
  get problem(): string | undefined {
    return this.#hostProblem ?? this.#modelProblem;
  }

  get #isClusterUnknown(): boolean {
    return this.#options.waitsForCluster === true && !this.#snapshot.complete;
  }

  /** Takes effect with the next settle. */
  replaceSnapshot(snapshot: ClusterSnapshot): void {
    this.#snapshot = snapshot;
  }

  /**
   * A pod coming or going changes nothing about the node, and what the cluster says only the choice among what was seen:
   * the host is looked at anew for all other causes. The kernel's tables are listed anew when something about the node
   * changed, since a link that went down or came back took routes along.
   */
  async settle(causes: readonly SettleCause[]): Promise<SettleReport> {
    const relist = causes.some((cause) => cause === 'network' || cause === 'period');
    if (causes.some((cause) => cause !== 'endpoint' && cause !== 'cluster')) this.#observe();
    else if (causes.includes('cluster')) this.#chooseHost();
    if (this.#isClusterUnknown) return nothingDone;
    const report = await this.#apply(relist);
    const hostBefore = this.#host;
    // What was just made may be what the rest waited for: overlay routes need the index of the VXLAN device.
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
        'what the node looks like cannot be used',
        error,
      );
    }
  }

  async #apply(relist: boolean): Promise<SettleReport> {
    const by = this.#follow(this.#options.endpoints());
    if (by === undefined) return nothingDone;
    const prune = by.snapshot.complete;
    return this.#options.reconciler.settle(this.#desired, { relist, prune });
  }

  /** What the desired state is computed from: what is known now or, failing that, what was. Undefined: neither is. */
  #follow(endpoints: readonly LocalEndpoint[]): Known | undefined {
    // Without its uplinks a node would lose what it has.
    if (this.#hostProblem !== undefined && this.#good === undefined) return undefined;
    const known = this.#known();
    try {
      this.#desired = this.#compute(known, endpoints);
      this.#modelProblem = undefined;
      this.#good = known;
    } catch (error) {
      this.#modelProblem = this.#told(this.#modelProblem, cannotCompute, error);
      // Pods come and go all the same. One that cannot be computed with fails its own settle.
      if (this.#good !== undefined) this.#desired = this.#compute(this.#good, endpoints);
    }
    return this.#good;
  }

  #known(): Known {
    return { snapshot: this.#snapshot, host: this.#host, unclaimed: this.#unclaimed };
  }

  #told(before: string | undefined, what: string, error: unknown): string {
    const text = `${what}: ${errorText(error)}; what was there before stays`;
    if (text !== before) this.#options.log?.error({ error }, text);
    return text;
  }

  #compute(
    { snapshot, host, unclaimed }: Known,
    endpoints: readonly LocalEndpoint[],
  ): DesiredState {
    const desired = computeDesired({
      config: this.#options.model,
      cluster: snapshot.state,
      endpoints,
      host,
      unclaimed: unclaimed.length === 0 ? undefined : unclaimed,
      held: this.#held,
    });
    this.#held = agedClaims(desired.held, (this.#options.now ?? monotonicMs)());
    return desired;
  }
}

const cannotCompute = 'the desired state cannot be computed';

/** Before anything could be computed, and never applied. */
function nothingDesired(nodeName: string, mode: DesiredState['mode']): DesiredState {
  return {
    ...{ nodeName, mode, podRanges: [], uplinks: [], hostAddresses: [], remoteRanges: [] },
    ...{ remoteNodes: [], nextHops: [], podMtuBytes: 1500, pathMtuBytes: 1500, endpoints: [] },
    ...{ strayAddresses: [], nodes: new Map(), held: nothingHeld, problems: [] },
  };
}

const exitsOfListing = memoize(exitsOf);

/** Behind the Service `kubernetes`, by whatever address this node itself asks. */
const apiServerEndpoints = memoize(
  (slices: ReadonlyMap<string, ClusterEndpointSlice>): readonly Address[] =>
    [...slices.values()]
      .filter(isApiServerSlice)
      .flatMap(({ endpoints }) => endpoints.flatMap(({ addresses }) => addresses))
      .slice(0, apiServersAtMost),
);

/**
 * The slice of this name is the API server's own: it writes it, and puts back what others write. Another one with the label of
 * the Service, which whoever may write slices in `default` can make, would take the range of every Node that has its addresses.
 */
function isApiServerSlice({ namespace, name, service }: ClusterEndpointSlice): boolean {
  return namespace === 'default' && name === 'kubernetes' && service === 'kubernetes';
}

const apiServersAtMost = 64;

const monotonicMs = (): number => performance.now();

const nothingDone: SettleReport = {
  writes: { set: 0, deleted: 0, restored: 0 },
  written: [],
  failures: [],
};

/** The second report has the last word on failures; writes add up. */
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

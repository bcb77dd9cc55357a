// Adds and deletes pods of this node's network: each CNI verb is a sequence of steps that completes or leaves nothing.
//
//   ADD   reserve (address, id, record on disk) -> wire (kernel) -> settle (data path) -> complete (record)
//   DEL   out of the live set -> unwire -> settle -> record off the disk
//
// The record is created first and deleted last: everything in the kernel has one, so that a crash at any step leaves
// nothing unknown. Operations of one container are sequential; those of different containers run concurrently.

import type { NodeProblem } from '../api/problem.ts';
import type { Entries } from '../base/collections/collection.ts';
import { KeyedQueue } from '../base/collections/keyed-queue.ts';
import type { Logger } from '../base/log.ts';
import { Slots } from '../base/slots.ts';
import { CniError, cniErrorCode, toCniError } from '../cni/error.ts';
import type { AddRequest, CheckRequest, DelRequest, GcRequest } from '../cni/request.ts';
import type { Link } from '../kernel/netlink/link-record.ts';
import type { UnclaimedInterface } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { IfIndex } from '../net/if-index.ts';
import { explain, nameOf } from './errors.ts';
import { staleRecords } from './garbage.ts';
import type { PodHost } from './host.ts';
import { Unclaimed } from './interface/unclaimed.ts';
import type { PodWiring } from './interface/wiring.ts';
import { PodLifecycle } from './lifecycle.ts';
import { previousDifferences } from './previous-result.ts';
import { podProblems } from './problems.ts';
import { fateOf } from './record-fate.ts';
import {
  type KernelRecords,
  recoveredText,
  recoverLost,
  unknownKernel,
} from './records/lost-records.ts';
import { hostIfNameOf, isComplete } from './records/record.ts';
import type { EndpointStore } from './records/store.ts';
import { halfBuilt, rewriteRecords } from './records/upkeep.ts';
import { type IpamSettings, type ReservationOptions, Reservations } from './reservation.ts';
import { PodStates } from './states.ts';
import { unavailable } from './unavailable.ts';

// Each has its pod's namespace and a socket or two open. A DEL waits only for operations of its own container.
const mostAtOnce = 64;

export interface PodsOptions {
  readonly store: EndpointStore;
  readonly wiring: PodWiring;
  readonly node: PodHost;
  readonly log: Logger;
  /** Default: every address of the ranges is available immediately. */
  readonly ipam?: IpamSettings;
  /** Ports of the node that no pod gets. */
  readonly ownPorts?: ReservationOptions['ownPorts'];
  readonly now?: () => Date;
  /** The kernel's state of endpoints; absent: only records are known. */
  readonly kernel?: KernelRecords | undefined;
}

/** Result of `restore`. */
export interface RestoreReport {
  readonly live: number;
  /**
   * Unfinished when the agent died: undone. Or its interface and namespace no longer exist, as after a reboot:
   * forgotten.
   */
  readonly removed: readonly string[];
}

export class Pods {
  readonly #store: EndpointStore;
  readonly #wiring: PodWiring;
  readonly #node: PodHost;
  readonly #log: Logger;
  readonly #reservations: Reservations;
  readonly #queue = new KeyedQueue();
  readonly #adding = new Slots(mostAtOnce);
  readonly #states = new PodStates();
  readonly #lifecycle: PodLifecycle;
  readonly #kernel: KernelRecords;
  /** Messages about records that were corrected at the start. */
  readonly #mended: string[] = [];
  /** Endpoints whose records were rebuilt, by this agent or an earlier one. */
  readonly #recovered = new Set<string>();
  readonly #unclaimed = new Unclaimed();

  constructor(options: PodsOptions) {
    const { store, wiring, node, log, ipam, ownPorts = [], now = () => new Date() } = options;
    this.#kernel = options.kernel ?? unknownKernel;
    this.#store = store;
    this.#wiring = wiring;
    this.#node = node;
    this.#log = log;
    this.#reservations = new Reservations({ store, node, ipam, ownPorts, now });
    this.#lifecycle = new PodLifecycle({
      ...{ states: this.#states, reservations: this.#reservations },
      ...{ store, wiring, node, ipam, log },
    });
  }

  /** Those the data path should serve, by the name of the interface on this node. */
  get live(): Entries<string, LocalEndpoint> {
    return this.#states.live;
  }

  /** The same as an array, which is the same while nothing changes. */
  endpoints(): readonly LocalEndpoint[] {
    return this.#states.live.values();
  }

  /** What is wrong with endpoints. */
  problems(): readonly NodeProblem[] {
    return podProblems({
      store: this.#store,
      states: this.#states,
      unclaimed: this.#unclaimed,
      recovered: this.#recoveredEndpoints(),
      mended: this.#mended,
    });
  }

  // Until they are deleted. Each settle asks for them, and hardly any endpoint is one.
  #recoveredEndpoints(): readonly LocalEndpoint[] {
    return [...this.#recovered].flatMap((name) => {
      const endpoint = this.#states.liveOf(name);
      return endpoint?.isRecovered === true ? [endpoint] : [];
    });
  }

  /** Finds pod interfaces without an endpoint; `problems` names them from now on. */
  findUnclaimed(links: readonly Link[]): readonly UnclaimedInterface[] {
    return this.#unclaimed.find(links, {
      live: new Set(this.endpoints().map(({ hostIfIndex }) => hostIfIndex)),
      isUnderWay: (name) =>
        this.#store.get(name) !== undefined && this.#states.problemOf(name) === undefined,
    });
  }

  /** Why no record can be written, so that no pod can be added; undefined if records can be written. */
  readonly diskProblem = (): string | undefined => this.#store.broken;

  /** Restores records that another process has removed from the disk. */
  keepRecords(): void {
    rewriteRecords(this.#store, this.#log);
  }

  /**
   * Brings records and kernel together after a start, before the first request. A record whose interface exists becomes
   * live. One with an unfinished ADD is undone: the runtime got no answer, so for it the pod was never added. One whose
   * interface and namespace no longer exist is forgotten: after a reboot there may never be a DEL for it. One whose
   * interface is missing while the namespace exists stays until DEL and is reported, because its address is still
   * promised.
   */
  async restore(): Promise<RestoreReport> {
    const removed: string[] = [];
    recoverLost(this.#store, this.#wiring.interfaces(), this.#kernel);
    for (const record of this.#store.list()) {
      const reason = isComplete(record) ? this.#adopt(record) : halfBuilt;
      if (reason === undefined) continue;
      try {
        await this.#lifecycle.remove(record.hostIfName, { isSettled: true });
        removed.push(`${nameOf(record)}: ${reason}`);
      } catch (error) {
        this.#lifecycle.setStale(record, `cannot be removed: ${toCniError(error).message}`);
      }
    }
    for (const text of removed) this.#log.info({}, `forgot endpoint ${text}`);
    return { live: this.endpoints().length, removed };
  }

  // Undefined if the record stays; otherwise why it is deleted.
  #adopt(record: LocalEndpoint): string | undefined {
    const fate = fateOf(record, {
      store: this.#store,
      wiring: this.#wiring,
      kernel: this.#kernel,
      live: this.endpoints(),
    });
    if (fate.kind === 'forgotten') return fate.reason;
    if (fate.kind === 'stale') {
      this.#lifecycle.setStale(record, fate.what);
    } else {
      if (fate.mended !== undefined) this.#mended.push(fate.mended);
      if (fate.endpoint.isRecovered === true) this.#recovered.add(fate.endpoint.hostIfName);
      this.#lifecycle.setLive(fate.endpoint);
    }
    return undefined;
  }

  /**
   * Call this when a link of the node was deleted. True if it belonged to a live endpoint: the data path needs a
   * settle.
   */
  noticeLinkGone(ifIndex: IfIndex): boolean {
    this.#unclaimed.forget(ifIndex);
    const endpoint = this.endpoints().find((candidate) => candidate.hostIfIndex === ifIndex);
    if (
      endpoint === undefined ||
      this.#wiring.hostIfIndex(endpoint.hostIfName, ifIndex) === ifIndex
    ) {
      return false;
    }
    this.#lifecycle.setStale(endpoint, 'is missing');
    return true;
  }

  /** Throws CniError; then everything is as before, or the text contains what could not be undone. */
  add(request: AddRequest): Promise<LocalEndpoint> {
    return this.#queue.run(request.containerId, () =>
      this.#adding.run(() => this.#lifecycle.add(request)),
    );
  }

  /** Can be repeated, with or without a namespace. Throws CniError (tryLater); the address then stays reserved. */
  del(request: DelRequest): Promise<void> {
    return this.#queue.run(request.containerId, async () => {
      try {
        await this.#lifecycle.remove(hostIfNameOf(request));
      } catch (error) {
        throw explain('DEL', request, error);
      }
    });
  }

  /** Throws CniError: unknownContainer, invalidNamespace, or endpointDiffers with every difference. */
  check(request: CheckRequest): Promise<void> {
    return this.#queue.run(request.containerId, async () => {
      try {
        this.#check(request);
      } catch (error) {
        throw explain('CHECK', request, error);
      }
    });
  }

  /**
   * Removes endpoints of the network that the runtime does not list. Continues after errors and throws one CniError
   * with all of them.
   */
  async gc(request: GcRequest): Promise<void> {
    const errors: CniError[] = [];
    for (const record of staleRecords(this.#store.list(), request)) {
      await this.#queue.run(record.containerId, async () => {
        // A concurrent ADD or DEL has replaced it: the runtime's list is out of date.
        if (this.#store.get(record.hostIfName) !== record) return;
        try {
          await this.#lifecycle.remove(record.hostIfName);
          this.#log.info({}, `GC removed endpoint ${nameOf(record)}`);
        } catch (error) {
          errors.push(explain('GC', record, error));
        }
      });
    }
    const [first] = errors;
    if (first === undefined) return;
    throw new CniError(first.code, errors.map(({ message }) => message).join('; '), {
      cause: first,
    });
  }

  /** Throws CniError (notAvailable, limitedConnectivity) if an ADD would fail now. */
  status(): void {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw unavailable(refusal, this.#node.limits());
  }

  /** Why no pod can be added now; undefined if one can. */
  refusal(): string | undefined {
    return this.#refusal()?.message;
  }

  #refusal(): CniError | undefined {
    try {
      this.#reservations.probe();
      return undefined;
    } catch (error) {
      return toCniError(error);
    }
  }

  #check(request: CheckRequest): void {
    const hostIfName = hostIfNameOf(request);
    const endpoint = this.#states.liveOf(hostIfName);
    if (endpoint === undefined) {
      const stale = this.#states.problemOf(hostIfName);
      if (stale !== undefined) throw new CniError(cniErrorCode.endpointDiffers, stale);
      throw new CniError(cniErrorCode.unknownContainer, 'this node has no such endpoint');
    }
    if (endpoint.isRecovered === true) {
      throw new CniError(cniErrorCode.endpointDiffers, recoveredText(endpoint));
    }
    using namespace = this.#wiring.open(request.namespacePath);
    const differences = [
      ...namespace.differences(endpoint),
      ...this.#node.differences(endpoint),
      ...previousDifferences(endpoint, request.previous),
    ];
    if (differences.length === 0) return;
    throw new CniError(cniErrorCode.endpointDiffers, differences.join('; '));
  }
}

// The steps of ADD and DEL, each of which completes or leaves nothing (pods.ts has the order).

import { setImmediate } from 'node:timers/promises';
import type { Logger } from '../base/log.ts';
import { CniError, toCniError } from '../cni/error.ts';
import type { AddRequest } from '../cni/request.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import { annotatedLimits } from './annotated-limits.ts';
import { Burst } from './burst.ts';
import { explain, interfaceExists, nameOf } from './errors.ts';
import type { PodHost } from './host.ts';
import type { PodNamespace, PodWiring } from './interface/wiring.ts';
import {
  type EndpointRecord,
  type EndpointReservation,
  hostIfNameOf,
  isComplete,
} from './records/record.ts';
import type { EndpointStore } from './records/store.ts';
import type { IpamSettings, Reservations } from './reservation.ts';
import type { PodStates } from './states.ts';

// A settle costs more than one pod in it. Within this time some thirty pods are wired.
const longestBurstMs = 50;

export interface PodLifecycleParts {
  readonly states: PodStates;
  readonly store: EndpointStore;
  readonly wiring: PodWiring;
  readonly node: PodHost;
  readonly reservations: Reservations;
  readonly ipam: IpamSettings | undefined;
  readonly log: Logger;
}

interface RemoveOptions {
  /** Set if the data path does not know the endpoint: at the start, before the first settle. */
  readonly isSettled?: boolean;
}

/** Operations of one container must be sequential, which `Pods` ensures. */
export class PodLifecycle {
  readonly #states: PodStates;
  readonly #store: EndpointStore;
  readonly #wiring: PodWiring;
  readonly #node: PodHost;
  readonly #reservations: Reservations;
  readonly #ipam: IpamSettings | undefined;
  readonly #log: Logger;
  readonly #wirings = new Burst(longestBurstMs);

  constructor({ states, store, wiring, node, reservations, ipam, log }: PodLifecycleParts) {
    this.#states = states;
    this.#store = store;
    this.#wiring = wiring;
    this.#node = node;
    this.#reservations = reservations;
    this.#ipam = ipam;
    this.#log = log;
  }

  /** Throws CniError, whose text contains anything that could not be undone. */
  async add(request: AddRequest): Promise<LocalEndpoint> {
    try {
      const annotated = await annotatedLimits(request, this.#node);
      using namespace = this.#wiring.open(request.namespacePath);
      const isKnown = this.#store.get(hostIfNameOf(request)) !== undefined;
      if (isKnown) await this.#makeRoom(request, namespace);
      // For others the kernel is not queried first: it reports existing names itself, and a query would wait for the
      // pods that are being wired.
      const endpoint = await this.#build(this.#reservations.make(request, annotated), namespace);
      if (endpoint !== undefined) return endpoint;
      await this.#makeRoom(request, namespace);
      const second = await this.#build(this.#reservations.make(request, annotated), namespace);
      if (second === undefined) throw interfaceExists(request);
      return second;
    } catch (error) {
      throw explain('ADD', request, error);
    }
  }

  async #makeRoom(request: AddRequest, namespace: PodNamespace): Promise<void> {
    if (namespace.hasInterface(request.ifName)) throw interfaceExists(request);
    // Left by an earlier life of the same container: its interface is not in the current namespace.
    await this.#clear(hostIfNameOf(request));
  }

  // Undefined if a name exists; then nothing of it is left.
  async #build(
    reservation: EndpointReservation,
    namespace: PodNamespace,
  ): Promise<LocalEndpoint | undefined> {
    try {
      this.#store.reserve(reservation);
      const hostIfIndex = await this.#wirings.run(() => namespace.wire(reservation));
      if (hostIfIndex !== undefined) return await this.#serve({ ...reservation, hostIfIndex });
    } catch (error) {
      await this.#undo(reservation, error);
      throw error;
    }
    this.#store.remove(reservation.hostIfName);
    return undefined;
  }

  async #serve(endpoint: LocalEndpoint): Promise<LocalEndpoint> {
    this.setLive(endpoint);
    // Requests that have arrived meanwhile begin first.
    await setImmediate();
    await this.#wirings.ended();
    await this.#node.settle(endpoint, true);
    this.#store.complete(endpoint);
    return endpoint;
  }

  async #undo({ hostIfName }: EndpointReservation, cause: unknown): Promise<void> {
    try {
      await this.remove(hostIfName);
    } catch (error) {
      // The record stays, so that DEL, which the runtime sends after a failed ADD, or the next start can finish it.
      const { message } = toCniError(cause);
      throw new CniError(
        toCniError(cause).code,
        `${message}; undoing it: ${toCniError(error).message}`,
        { cause },
      );
    }
  }

  async #clear(hostIfName: string): Promise<void> {
    const isKnown = this.#store.get(hostIfName) !== undefined;
    if (isKnown || this.#wiring.hostIfIndex(hostIfName) !== undefined) {
      await this.remove(hostIfName);
    }
  }

  /** The address becomes free only when nothing in the data path leads to it any more. Throws CniError, KernelError. */
  async remove(hostIfName: string, { isSettled = false }: RemoveOptions = {}): Promise<void> {
    const record = this.#store.get(hostIfName);
    const state = this.#states.get(hostIfName);
    const known = state === undefined || state.kind === 'stale' ? undefined : state.endpoint;
    const endpoint = known ?? (record && isComplete(record) ? record : undefined);
    if (endpoint !== undefined) this.#setLeaving(endpoint);
    // A reservation has no index by which a renamed interface could be found.
    await this.#wiring.unwire(hostIfName, endpoint ?? record);
    if (endpoint !== undefined && !isSettled) await this.#node.settle(endpoint, false);
    if (record !== undefined) {
      // An address of an unfinished ADD never had an owner.
      if (isComplete(record)) this.#ipam?.cooldown.release(record.addresses);
      this.#store.remove(hostIfName);
    }
    this.#states.delete(hostIfName);
  }

  /** The data path serves it from its next settle on. */
  setLive(endpoint: LocalEndpoint): void {
    this.#states.set(endpoint.hostIfName, { kind: 'live', endpoint: Object.freeze(endpoint) });
  }

  #setLeaving(endpoint: LocalEndpoint): void {
    const problem = this.#states.problemOf(endpoint.hostIfName);
    const was = problem === undefined ? {} : { problem };
    this.#states.set(endpoint.hostIfName, { kind: 'leaving', endpoint, ...was });
  }

  /** `what`: state of its interface, as text. */
  setStale(record: EndpointRecord, what: string): void {
    const { hostIfName, addresses, containerId } = record;
    const text = `endpoint ${nameOf(record)}: its interface ${hostIfName} ${what}; it keeps ${addresses.join(' and ')} until the container runtime deletes it`;
    this.#states.set(hostIfName, { kind: 'stale', problem: text });
    this.#log.warn({ containerId, hostIfName }, text);
  }
}

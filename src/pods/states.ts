// The state of each pod of this node. A pod whose ADD is still being wired has a record on disk and no state yet.

import { type Entries, KeyedCollection } from '../base/collections/collection.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';

export type PodState =
  /** The data path serves it. */
  | { readonly kind: 'live'; readonly endpoint: LocalEndpoint }
  /** Not served any more, but the data path may still have its entries. `problem`: it was stale before. */
  | { readonly kind: 'leaving'; readonly endpoint: LocalEndpoint; readonly problem?: string }
  /** Its interface is missing; the record stays until DEL because of its addresses. */
  | { readonly kind: 'stale'; readonly problem: string };

/** By hostIfName. */
export class PodStates {
  readonly #live = new KeyedCollection<string, LocalEndpoint>();
  readonly #others = new Map<string, Exclude<PodState, { kind: 'live' }>>();

  get(hostIfName: string): PodState | undefined {
    const endpoint = this.#live.get(hostIfName);
    return endpoint === undefined ? this.#others.get(hostIfName) : { kind: 'live', endpoint };
  }

  set(hostIfName: string, state: PodState): void {
    if (state.kind === 'live') {
      this.#others.delete(hostIfName);
      this.#live.set(hostIfName, state.endpoint);
    } else {
      this.#live.delete(hostIfName);
      this.#others.set(hostIfName, state);
    }
  }

  delete(hostIfName: string): void {
    this.#live.delete(hostIfName);
    this.#others.delete(hostIfName);
  }

  /** The endpoints of those that are live. */
  get live(): Entries<string, LocalEndpoint> {
    return this.#live;
  }

  /** The live endpoint of that name. */
  liveOf(hostIfName: string): LocalEndpoint | undefined {
    return this.#live.get(hostIfName);
  }

  /** Problem of a stale endpoint, or of one that was stale when it began to leave; undefined for others. */
  problemOf(hostIfName: string): string | undefined {
    return this.#others.get(hostIfName)?.problem;
  }

  problems(): readonly string[] {
    return Array.from(this.#others.values()).flatMap(({ problem }) => problem ?? []);
  }
}

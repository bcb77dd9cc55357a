// The state of each pod of this node. A pod whose ADD is still being wired has a record on disk and no state yet.

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
  readonly #states = new Map<string, PodState>();
  #live: readonly LocalEndpoint[] | undefined;

  get(hostIfName: string): PodState | undefined {
    return this.#states.get(hostIfName);
  }

  set(hostIfName: string, state: PodState): void {
    // The newest comes last, so that lists derived from this one differ only at their end.
    this.delete(hostIfName);
    this.#states.set(hostIfName, state);
    if (state.kind === 'live') this.#live = undefined;
  }

  delete(hostIfName: string): void {
    if (this.#states.get(hostIfName)?.kind === 'live') this.#live = undefined;
    this.#states.delete(hostIfName);
  }

  /** Live endpoints in the order in which they became live. The same array while nothing changes. */
  live(): readonly LocalEndpoint[] {
    this.#live ??= [...this.#states.values()].flatMap((state) =>
      state.kind === 'live' ? [state.endpoint] : [],
    );
    return this.#live;
  }

  /** The live endpoint of that name. */
  liveOf(hostIfName: string): LocalEndpoint | undefined {
    const state = this.#states.get(hostIfName);
    return state?.kind === 'live' ? state.endpoint : undefined;
  }

  /** Problem of a stale endpoint, or of one that was stale when it began to leave; undefined for others. */
  problemOf(hostIfName: string): string | undefined {
    const state = this.#states.get(hostIfName);
    return state === undefined || state.kind === 'live' ? undefined : state.problem;
  }

  problems(): readonly string[] {
    return [...this.#states.keys()].flatMap((name) => this.problemOf(name) ?? []);
  }
}

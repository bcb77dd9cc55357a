// What clients get at the frontends of one Service: its selections of backends as lists with numbers.

import type { CompiledPort } from '../compiled.ts';
import type { Frontend } from '../frontend.ts';
import type { BackendSelection } from '../selection.ts';
import type { BackendLists } from './backend-lists.ts';
import type { ClientChoice } from './desired-services.ts';

/** `struct choice` has 16 bits for it. */
export const mostInList = 65_535;

export interface Policies {
  readonly internalPolicy?: 'Cluster' | 'Local' | undefined;
  readonly externalPolicy?: 'Cluster' | 'Local' | undefined;
}

export interface FrontendChoices {
  readonly inside: ClientChoice;
  readonly outside: ClientChoice;
}

export const refusedClient: ClientChoice = { kind: 'refuse' };
const silence: ClientChoice = { kind: 'drop' };

/** For one Service at one time. Holds the lists that it gives until it is disposed. */
export class Choices implements Disposable {
  readonly #lists: BackendLists;
  readonly #policies: Policies;
  readonly #held = new Map<BackendSelection, { readonly list: number; readonly count: number }>();
  /** Length of the longest selection, if it is cut off. */
  #tooLong: number | undefined;

  constructor(lists: BackendLists, policies: Policies) {
    this.#lists = lists;
    this.#policies = policies;
  }

  /** Absent: every list is complete. */
  get problem(): string | undefined {
    if (this.#tooLong === undefined) return undefined;
    return `${this.#tooLong} backends: only ${mostInList} of them are used`;
  }

  /** Undefined: there are no numbers for its backends. */
  at({ kind }: Frontend, { inCluster, local }: CompiledPort): FrontendChoices | undefined {
    const { internalPolicy, externalPolicy } = this.#policies;
    const isCluster = kind === 'cluster';
    const isLocal = (isCluster ? internalPolicy : externalPolicy) === 'Local';
    // Clients on this node get every backend at external addresses.
    const inside = this.#choice(isCluster && isLocal ? local : inCluster, false);
    const outside = this.#choice(isLocal ? local : inCluster, isCluster || !isLocal);
    return inside && outside && { inside, outside };
  }

  [Symbol.dispose](): void {
    for (const { list } of this.#held.values()) this.#lists.release(list);
  }

  #choice(selection: BackendSelection, masquerade: boolean): ClientChoice | undefined {
    if (selection.kind !== 'backends') return selection.kind === 'drop' ? silence : refusedClient;
    const held = this.#held.get(selection) ?? this.#take(selection, selection.backends.length);
    return held && { kind: 'backends', ...held, masquerade };
  }

  #take(
    selection: BackendSelection & { readonly kind: 'backends' },
    length: number,
  ): { readonly list: number; readonly count: number } | undefined {
    const { backends } = selection;
    if (length > mostInList) this.#tooLong = Math.max(length, this.#tooLong ?? 0);
    const used = length > mostInList ? backends.slice(0, mostInList) : backends;
    const taken = this.#lists.take(used);
    if (taken === undefined) return undefined;
    const held = { list: taken.number, count: taken.backends.length };
    this.#held.set(selection, held);
    return held;
  }
}

// What clients get at the frontends of one Service: its selections of backends as lists with numbers.

import type { CompiledPort } from '../compiled.ts';
import type { Frontend } from '../frontend.ts';
import type { BackendSelection } from '../selection.ts';
import type { BackendLists } from './backend-lists.ts';
import type { ClientBackends, ClientChoice } from './desired-services.ts';
import type { SlotBudget } from './slot-budget.ts';

export interface Policies {
  readonly internalPolicy?: 'Cluster' | 'Local' | undefined;
  readonly externalPolicy?: 'Cluster' | 'Local' | undefined;
}

export interface FrontendChoices {
  readonly inside: ClientChoice;
  readonly outside: ClientChoice;
}

export interface ChoicesOptions {
  readonly lists: BackendLists;
  readonly budget: SlotBudget;
  /** `shop/web` */
  readonly service: string;
  readonly policies: Policies;
  /** At the port's frontends. */
  readonly now: ClientBackends;
  /** No list may be longer than now. */
  readonly isFrozen: boolean;
}

/** Why some clients do not get every backend. */
export interface ChoicesProblem {
  readonly text: string;
  /** There is no list for them at all. */
  readonly isStarved?: boolean | undefined;
  /** The table of slots is full. */
  readonly isFull?: boolean | undefined;
}

export const refusedClient: ClientChoice = { kind: 'refuse' };
const silence: ClientChoice = { kind: 'drop' };

type Backends = BackendSelection & { readonly kind: 'backends' };

/** For one port of a Service at one time. Holds the lists that it gives until it is disposed. */
export class Choices implements Disposable {
  readonly #options: ChoicesOptions;
  readonly #held = new Map<BackendSelection, { readonly list: number; readonly count: number }>();
  /** By text. */
  readonly #problems = new Map<string, ChoicesProblem>();
  #isCut = false;

  constructor(options: ChoicesOptions) {
    this.#options = options;
  }

  get problems(): readonly ChoicesProblem[] {
    return [...this.#problems.values()];
  }

  /** Some list would be longer if there were more slots. */
  get isCut(): boolean {
    return this.#isCut;
  }

  /** Undefined: there are no numbers or slots for its backends. */
  at({ kind }: Frontend, { inCluster, local }: CompiledPort): FrontendChoices | undefined {
    const { policies, now } = this.#options;
    const { internalPolicy, externalPolicy } = policies;
    const isCluster = kind === 'cluster';
    const isLocal = (isCluster ? internalPolicy : externalPolicy) === 'Local';
    // Clients on this node get every backend at external addresses.
    const insideOf = isCluster && isLocal ? local : inCluster;
    const inside = this.#choice(insideOf, { masquerade: false, now: now.inside });
    const masquerade = isCluster || !isLocal;
    const outsideOf = isLocal ? local : inCluster;
    const outside = this.#choice(outsideOf, { masquerade, now: now.outside });
    return inside && outside && { inside, outside };
  }

  [Symbol.dispose](): void {
    for (const { list } of this.#held.values()) this.#options.lists.release(list);
  }

  #choice(
    selection: BackendSelection,
    { masquerade, now }: { readonly masquerade: boolean; readonly now: number },
  ): ClientChoice | undefined {
    if (selection.kind !== 'backends') return selection.kind === 'drop' ? silence : refusedClient;
    const held = this.#held.get(selection) ?? this.#take(selection, now);
    return held && { kind: 'backends', ...held, masquerade };
  }

  #take(
    selection: Backends,
    now: number,
  ): { readonly list: number; readonly count: number } | undefined {
    const { backends } = selection;
    const most = this.#options.budget.perPort;
    if (backends.length > most)
      this.#report({ text: `${backends.length} backends: only ${most} of them are used` });
    const length = this.#allowed(Math.min(backends.length, most), now);
    if (length === 0) return undefined;
    const used = length < backends.length ? backends.slice(0, length) : backends;
    const { lists } = this.#options;
    const taken = lists.take(used);
    if (taken === undefined) {
      this.#report({ text: 'no numbers are left for its backends', isStarved: true });
      return undefined;
    }
    const held = { list: taken.number, count: taken.backends.length };
    this.#held.set(selection, held);
    return held;
  }

  /** Length of a list that should have `wanted` backends, where the clients have `now` of them. */
  #allowed(wanted: number, now: number): number {
    const { budget, service, isFrozen } = this.#options;
    const more = wanted - now;
    if (more <= 0) return wanted;
    const shortage = isFrozen ? undefined : budget.shortage(service, more);
    if (!isFrozen && shortage === undefined) {
      budget.add(service, more);
      return wanted;
    }
    this.#isCut = true;
    if (shortage !== undefined) {
      const { kind, text } = shortage;
      const used = now === 0 ? '' : `, ${now} of ${wanted} backends are used`;
      this.#report({ text: `${text}${used}`, isStarved: now === 0, isFull: kind === 'full' });
    }
    return now;
  }

  #report(problem: ChoicesProblem): void {
    this.#problems.set(problem.text, problem);
  }
}

// What Services have of the table of slots: now, with an earlier agent, and after they are planned.

import type { Entries } from '../../../base/collections/collection.ts';
import type { CompiledService } from '../compiled.ts';
import { frontendKey, frontendsOf } from '../frontend.ts';
import type { ChoicesProblem } from './choices.ts';
import type { ClientBackends, ServiceFrontend } from './desired-services.ts';
import { clientBackends, listLengths } from './entries.ts';
import { SlotBudget, type SlotLimits } from './slot-budget.ts';

export interface SlotAccountOptions {
  /** Absent: slots without end. */
  readonly limits?: SlotLimits | undefined;
  /** By keys of frontends: what clients had with an earlier agent. */
  readonly earlier: ReadonlyMap<string, ClientBackends>;
}

export class SlotAccount {
  readonly budget: SlotBudget;
  readonly #frontends: Entries<string, ServiceFrontend>;
  /** Undefined after `unfreeze`. */
  #earlier: ReadonlyMap<string, ClientBackends> | undefined;
  /** By Service: its problem because the table is full. */
  readonly #full = new Map<string, string>();
  #seenReleases = 0;

  /** `frontends`: those that are planned. */
  constructor(
    frontends: Entries<string, ServiceFrontend>,
    { limits, earlier }: SlotAccountOptions,
  ) {
    this.#frontends = frontends;
    this.budget = new SlotBudget(limits);
    this.#earlier = earlier;
  }

  /** Services that an earlier agent served are planned: none may get more than it had. */
  get isFrozen(): boolean {
    return this.#earlier !== undefined;
  }

  unfreeze(): void {
    this.#earlier = undefined;
  }

  /** Whether clients of the Service had backends with an earlier agent. */
  isEarlier(compiled: CompiledService | undefined): boolean {
    const earlier = this.#earlier;
    if (compiled === undefined || earlier === undefined || earlier.size === 0) return false;
    return frontendsOf(compiled.service).some((each) => earlier.has(frontendKey(each)));
  }

  /** How many backends clients have at frontends with these keys. */
  countsAt(service: string, keys: Iterable<string>): ClientBackends {
    let [inside, outside] = [0, 0];
    for (const key of keys) {
      const entry = this.#frontends.get(key);
      const own = entry?.service === service ? clientBackends(entry) : undefined;
      const counts = this.#earlier?.get(key) ?? own;
      inside = Math.max(inside, counts?.inside ?? 0);
      outside = Math.max(outside, counts?.outside ?? 0);
    }
    return { inside, outside };
  }

  /** Problems of one port of the Service. */
  note(service: string, problems: readonly ChoicesProblem[]): void {
    for (const { isFull, text } of problems) if (isFull) this.#full.set(service, text);
  }

  /** The Service is about to be planned. */
  begin(service: string): void {
    this.#full.delete(service);
  }

  /** The Service is planned and has these frontends. */
  settle(service: string, keys: readonly string[]): void {
    const lengths = new Map<number, number>();
    for (const key of keys) {
      const entry = this.#frontends.get(key);
      if (entry === undefined) continue;
      for (const [list, length] of listLengths(entry)) lengths.set(list, length);
    }
    this.budget.set(
      service,
      [...lengths.values()].reduce((sum, length) => sum + length, 0),
    );
  }

  /** Whether a Service has given slots back since the last call. */
  hasReleased(): boolean {
    const before = this.#seenReleases;
    this.#seenReleases = this.budget.releases;
    return before < this.#seenReleases;
  }

  /** Of a Service for whose backends the table has no room; undefined: there is none. */
  get fullProblem(): string | undefined {
    for (const [service, text] of this.#full) return `Service ${service}: ${text}`;
    return undefined;
  }
}

// Schedules full lists while watches work: watches never report what a list omitted or had wrong.

import type { ApiTimes } from './client/api-times.ts';
import { ExtraLists } from './extra-lists.ts';

/**
 * Up to this many objects are listed every `relistMs`; more objects less often, so that the load on the API server
 * stays the same.
 */
const steadyObjects = 2_000;
/** Limit of extra lists for single objects: a contradicting value is accepted after two, a loss after at most six. */
const mostExtra = 6;
/** Limit for lists that were doubtful as a whole, which is the server's fault: twice ten minutes. */
const mostRechecks = 40;
const recheckedPerLook = 2;

export interface BelievedList {
  /** Whether the list as a whole is implausible. */
  readonly isDoubtful: boolean;
  /** Whether it has objects that contradict earlier versions. */
  readonly isContradictory: boolean;
  /** Time until the first of them has been repeated for long enough; absent: it is accepted. */
  readonly believedInMs?: number | undefined;
  /** Whether it lacks objects that another list must lack too. */
  readonly isUnconfirmed: boolean;
  /** Number of objects kept or known before. */
  readonly objects: number;
}

export class NextLook {
  readonly #times: ApiTimes;
  readonly #random: () => number;
  readonly #extra = new ExtraLists(mostExtra);
  readonly #rechecks = new ExtraLists(mostRechecks);
  #at = Number.POSITIVE_INFINITY;
  #listedAt = performance.now();
  #recheckUntil = 0;
  #sooner: () => void = () => undefined;

  constructor(times: ApiTimes, random: () => number) {
    this.#times = times;
    this.#random = random;
  }

  get isDue(): boolean {
    return this.leftMs <= 0;
  }

  get leftMs(): number {
    return this.#at - performance.now();
  }

  /** Whether another list may be requested immediately because some objects are implausible. */
  takesExtra(): boolean {
    return this.#extra.take();
  }

  /** Returns false if another list is due soon but must wait for the regular one. */
  listed(list: BelievedList): boolean {
    const now = performance.now();
    const { recheckedMs, relistMs } = this.#times;
    const scale = Math.max(1, list.objects / steadyObjects);
    const looks = (now - this.#listedAt) / (relistMs * scale);
    this.#listedAt = now;
    this.#extra.earn(looks);
    this.#rechecks.earn(looks * recheckedPerLook);
    // A server that was wrong three times may recover later, and no watch would report it.
    if (list.isDoubtful) this.#recheckUntil = now + recheckedMs;
    const spread = 1 + 0.2 * this.#random();
    const soonMs = this.#soonMs(list, scale, spread);
    this.#at = now + (soonMs ?? relistMs * spread * scale);
    return soonMs !== undefined || !(list.isUnconfirmed || list.isContradictory);
  }

  #soonMs(list: BelievedList, scale: number, spread: number): number | undefined {
    const { doubtMs, recheckMs } = this.#times;
    if (list.isUnconfirmed && this.#extra.take()) return doubtMs * spread;
    if (performance.now() < this.#recheckUntil && this.#rechecks.take()) return recheckMs * scale;
    // The remaining lists are spread over the time until the contradiction is accepted. The last one must not come
    // earlier.
    const partMs = (list.believedInMs ?? 0) / this.#extra.left;
    if (list.isContradictory && this.#extra.take()) return Math.max(recheckMs, partMs + 1) * spread;
    return undefined;
  }

  /**
   * An event shows that the last list may have been wrong. Returns false if another list must wait for the regular one.
   */
  hasten(): boolean {
    const { doubtMs } = this.#times;
    if (this.leftMs <= doubtMs) return true;
    if (!this.#extra.take()) return false;
    this.#at = performance.now() + doubtMs;
    this.#sooner();
    return true;
  }

  /**
   * Calls `end` when a list is due, or `graceMs` later, because a server may end the watch itself. Stops when disposed
   * of.
   */
  ending(end: () => void, graceMs: number): Disposable {
    let timer = setTimeout(end, this.leftMs + graceMs);
    this.#sooner = () => {
      clearTimeout(timer);
      timer = setTimeout(end, this.leftMs);
    };
    return {
      [Symbol.dispose]: () => {
        clearTimeout(timer);
        this.#sooner = () => undefined;
      },
    };
  }
}

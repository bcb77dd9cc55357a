// When everything is listed again whatever watches say: they never tell what a list left out, or had wrong.

import type { ApiTimes } from './client/api-times.ts';
import { ExtraLists } from './extra-lists.ts';

/** So many are listed every `relistMs`; more, less often, so that an agent costs the API server no more than that. */
const steadyObjects = 2_000;
/** What single objects may cost: a value that contradicts is believed after two extra lists, a loss after six at most. */
const mostExtra = 6;
/** What lists that were doubtful as a whole may cost, which are the server's fault: two times ten minutes. */
const mostRechecks = 40;
const recheckedPerLook = 2;

export interface BelievedList {
  /** As a whole it said what is hardly ever so. */
  readonly isDoubtful: boolean;
  /** It has objects that contradict what was told before. */
  readonly isContradictory: boolean;
  /** When the first of them will have been told for long enough, if lists go on to say it; absent: it is believed. */
  readonly believedInMs?: number | undefined;
  /** It lacks what another list must lack too. */
  readonly isUnconfirmed: boolean;
  /** Objects that are kept or were there before. */
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

  /** Whether a list may be asked for again at once since some of its objects are odd. */
  takesExtra(): boolean {
    return this.#extra.take();
  }

  /** Returns false where the list should be looked at again soon, and must wait for the regular look. */
  listed(list: BelievedList): boolean {
    const now = performance.now();
    const { recheckedMs, relistMs } = this.#times;
    const scale = Math.max(1, list.objects / steadyObjects);
    const looks = (now - this.#listedAt) / (relistMs * scale);
    this.#listedAt = now;
    this.#extra.earn(looks);
    this.#rechecks.earn(looks * recheckedPerLook);
    // A server that was wrong thrice may be right later, and no watch would tell.
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
    // Those that are left are spread over the time until it is believed; the last must not come before.
    const partMs = (list.believedInMs ?? 0) / this.#extra.left;
    if (list.isContradictory && this.#extra.take()) return Math.max(recheckMs, partMs + 1) * spread;
    return undefined;
  }

  /** What a watch says shows that the last list may have been wrong. Returns false where it must wait for the regular look. */
  hasten(): boolean {
    const { doubtMs } = this.#times;
    if (this.leftMs <= doubtMs) return true;
    if (!this.#extra.take()) return false;
    this.#at = performance.now() + doubtMs;
    this.#sooner();
    return true;
  }

  /** Calls `end` when it is due, or `graceMs` after that: a server may heed it by itself. Until disposed of. */
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

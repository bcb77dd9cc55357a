// When everything is listed again whatever watches say: they never tell what a list left out, or had wrong.

import type { ApiTimes } from './client/api-times.ts';

/** So many are listed every `relistMs`; more, less often, so that an agent costs the API server no more than that. */
const steadyObjects = 2_000;

export interface BelievedList {
  /** It said what is hardly ever so. */
  readonly isDoubtful: boolean;
  /** It lacks what another list must lack too. */
  readonly isUnconfirmed: boolean;
  /** Objects that are kept. */
  readonly objects: number;
}

export class NextLook {
  readonly #times: ApiTimes;
  readonly #random: () => number;
  #at = Number.POSITIVE_INFINITY;
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

  listed(list: BelievedList): void {
    // A server that was wrong thrice may be right later, and no watch would tell.
    if (list.isDoubtful) this.#recheckUntil = performance.now() + this.#times.recheckedMs;
    this.#at = performance.now() + this.#untilMs(list);
  }

  #untilMs({ isUnconfirmed, objects }: BelievedList): number {
    const { doubtMs, recheckMs, relistMs } = this.#times;
    const spread = 1 + 0.2 * this.#random();
    if (isUnconfirmed) return doubtMs * spread;
    if (performance.now() < this.#recheckUntil) return recheckMs;
    return relistMs * spread * Math.max(1, objects / steadyObjects);
  }

  /** What a watch says shows that the last list may have been wrong. */
  hasten(): void {
    const { doubtMs } = this.#times;
    if (this.leftMs <= doubtMs) return;
    this.#at = performance.now() + doubtMs;
    this.#sooner();
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

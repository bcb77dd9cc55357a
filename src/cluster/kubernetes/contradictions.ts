// What full lists say of objects though it cannot follow what was told of them before (fixed-fields.ts). The first time it is
// taken for an error of the server; but what was told before may have been one, a version between may have been missed, and a
// cluster that is restored from a backup shows what no single update does. So what is said again and again is believed.

import type { ApiTimes } from './client/api-times.ts';
import type { Contradiction } from './fixed-fields.ts';
import type { StoreReplacement } from './full-list.ts';

interface NotedContradictions {
  readonly believed: ReadonlySet<string>;
  /** Some are to be asked for again now; else now and then is enough. */
  readonly isNew: boolean;
  /** When the first of the others will have been told for long enough; undefined: there are no others. */
  readonly believedInMs: number | undefined;
}

interface JudgedContradictions {
  readonly isContradictory: boolean;
  /** So much of the list that it is no single object's fault. */
  readonly isMost: boolean;
  readonly believedInMs: number | undefined;
  /** How many the list is to be asked for again for. */
  readonly doubted: number;
}

/** As many lists in a row must say it, as for a list in doubt. */
const leastLists = 3;
/** Fewer may be of one tenant. */
const manyObjects = 5;

export class Contradictions {
  readonly #times: Pick<ApiTimes, 'doubtMs' | 'recheckedMs'>;
  #told = new Map<string, Told>();

  constructor(times: Pick<ApiTimes, 'doubtMs' | 'recheckedMs'>) {
    this.#times = times;
  }

  /** Has a full list take what of it is believed. */
  judge(list: Pick<StoreReplacement, 'contradictions' | 'believe' | 'size'>): JudgedContradictions {
    const all = list.contradictions;
    const { believed, isNew, believedInMs } = this.note(all);
    list.believe(believed);
    return {
      isContradictory: all.size > 0,
      isMost: all.size >= Math.max(manyObjects, list.size / 2),
      believedInMs,
      doubted: isNew ? all.size - believed.size : 0,
    };
  }

  /** Takes note of what a full list says. */
  note(
    found: ReadonlyMap<string, Contradiction>,
    now: number = performance.now(),
  ): NotedContradictions {
    const next = Array.from(found, ([key, what]) => [key, this.#next(key, what, now, 1)] as const);
    this.#told = new Map(next);
    const believed = next.filter(([, told]) => this.#isBelieved(told, now));
    const isNew = next.some(([, { lists }]) => lists < leastLists);
    const waits = next
      .filter(([, told]) => !this.#isBelieved(told, now))
      .map(([, told]) => this.#waitMs(told, now));
    return {
      believed: new Set(believed.map(([key]) => key)),
      isNew,
      believedInMs: waits.length === 0 ? undefined : waits.reduce((a, b) => Math.min(a, b)),
    };
  }

  /** What a watch says: it is not believed, but may be as soon as a list says the same. */
  seen(key: string, what: Contradiction | undefined, now: number = performance.now()): void {
    if (what === undefined) this.#told.delete(key);
    else this.#told.set(key, this.#next(key, what, now, 0));
  }

  #next(key: string, { text, isLoss }: Contradiction, now: number, more: number): Told {
    const before = this.#told.get(key);
    const { since, lists } = before?.text === text ? before : { since: now, lists: 0 };
    return { text, isLoss, since, lists: lists + more };
  }

  #isBelieved(told: Told, now: number): boolean {
    return (told.isLoss || told.lists >= leastLists) && this.#waitMs(told, now) === 0;
  }

  #waitMs({ isLoss, since }: Told, now: number): number {
    const { doubtMs, recheckedMs } = this.#times;
    return Math.max(0, (isLoss ? recheckedMs : 2 * doubtMs) - (now - since));
  }
}

interface Told extends Contradiction {
  readonly since: number;
  readonly lists: number;
}

// Objects in full lists that contradict what the API server sent before (fixed-fields.ts). At first the new version
// counts as a server error. But the earlier one may have been wrong, a version in between may have been missed, or the
// cluster may have been restored from a backup. So a contradiction that is repeated is accepted.

import type { ApiTimes } from './client/api-times.ts';
import type { Contradiction } from './fixed-fields.ts';
import type { StoreReplacement } from './full-list.ts';

interface NotedContradictions {
  readonly believed: ReadonlySet<string>;
  /** Whether some need another list now; otherwise the periodic one is enough. */
  readonly isNew: boolean;
  /** Time until the first of the others has been repeated for long enough; undefined: there are no others. */
  readonly believedInMs: number | undefined;
}

interface JudgedContradictions {
  readonly isContradictory: boolean;
  /** Whether so much of the list contradicts that it cannot be the fault of a single object. */
  readonly isMost: boolean;
  readonly believedInMs: number | undefined;
  /** Number of contradictions that require another list. */
  readonly doubted: number;
}

/** A contradiction must appear in this many consecutive lists, like a doubtful list. */
const leastLists = 3;
/** Fewer may belong to one tenant. */
const manyObjects = 5;

export class Contradictions {
  readonly #times: Pick<ApiTimes, 'doubtMs' | 'recheckedMs'>;
  #told = new Map<string, Told>();

  constructor(times: Pick<ApiTimes, 'doubtMs' | 'recheckedMs'>) {
    this.#times = times;
  }

  /** Makes a full list accept the contradictions that are believed. */
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

  /** Records the contradictions of a full list. */
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

  /** Records a contradiction from a watch. It is not accepted, but counts once a list repeats it. */
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

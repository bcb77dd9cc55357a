// What full lists lack of the objects we know. A list may leave out what is there, and while watches hold nobody would look
// again: so an object goes when it was named as deleted, or when a second list some time later lacks it too.

export class Absences {
  readonly #waitMs: number;
  /** Since when lists have lacked them. */
  #since: ReadonlyMap<string, number> = new Map();

  /** `waitMs`: the least time between the first list that lacks an object and the one that is believed. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Takes note of what a full list lacks. Returns those of them that are not believed to be gone yet. */
  note(lacks: Iterable<string>, now: number = performance.now()): ReadonlySet<string> {
    const since = new Map(Array.from(lacks, (key) => [key, this.#since.get(key) ?? now]));
    this.#since = since;
    const young = Array.from(since).filter(([, first]) => now - first < this.#waitMs);
    return new Set(young.map(([key]) => key));
  }

  /** It is there after all. */
  seen(key: string): void {
    if (!this.#since.has(key)) return;
    this.#since = new Map([...this.#since].filter(([other]) => other !== key));
  }
}

// When a full list is not believed the first time: it would take away what a healthy server hardly ever loses. What a
// watch says to be deleted is another matter: it is named one by one, and believed.

export interface ListFacts {
  /** Objects known before, and objects of the list. */
  readonly before: number;
  readonly now: number;
  /** Whether its version is older than one that the server has told before. */
  readonly isOlder: boolean;
  /** Objects that cannot follow what was told of them before; each keeps its last good version. */
  readonly contradictions?: number;
  /** They are no single object's fault. */
  readonly areMostContradictory?: boolean;
  /** The name of an object that should be there and is not. */
  readonly missing?: string | undefined;
  /** Before the first list is believed: how many other nodes this one still has routes to. */
  readonly held?: number | undefined;
  /** Other nodes of the list to which routes can lead; absent: all of the list but this one. */
  readonly others?: number | undefined;
}

export interface ListDoubt {
  /** In words, without the name of the resource. */
  readonly text: string;
  /** So often the list must be repeated before it is believed. */
  readonly repetitions: number;
  /** It is of some objects alone, and each of them keeps its last good version anyway. */
  readonly isOfSome?: boolean;
}

// Fewer may well go while nobody looks.
const manyObjects = 5;

/** Undefined where nothing is odd. */
export function listDoubt(facts: ListFacts): ListDoubt | undefined {
  // Our own Node is no other.
  const { before, now, isOlder, missing, held = 0, others = now - 1 } = facts;
  const { contradictions = 0, areMostContradictory = false } = facts;
  if (isOlder) return doubt('the list is older than what the API server has told before');
  if (before > 0 && now === 0) return doubt(`the list is empty, and there were ${before}`);
  if (missing !== undefined) return doubt(`the list has ${now}, and ${missing} is not among them`);
  const isOfSome = contradictions > 0 && !areMostContradictory;
  const contradictory = `${contradictions} of the list cannot follow what the API server has told before`;
  if (contradictions > 0 && !isOfSome) return doubt(contradictory);
  if (held > 0 && others < held) {
    const what = others < now - 1 ? 'other nodes with pod ranges and addresses' : 'other nodes';
    const text = `the list has ${others} ${what}, and this one has routes to ${held}`;
    return doubt(text, isDrastic(held, others) ? 2 : 1);
  }
  if (isDrastic(before, now)) return doubt(`the list has ${now}, and there were ${before}`);
  return isOfSome ? { ...doubt(contradictory), isOfSome } : undefined;
}

function doubt(text: string, repetitions = 2): ListDoubt {
  return { text, repetitions };
}

function isDrastic(before: number, now: number): boolean {
  return before - now >= manyObjects && now < before / 2;
}

// What full lists lack of the objects we know. A list may leave out what is there, and while watches hold nobody would look
// again: so an object goes when it was named as deleted, or when a second list some time later lacks it too.
export class Absences {
  readonly #waitMs: number;
  /** Since when lists have lacked them. */
  #since = new Map<string, number>();

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
    // In place: a watch may name all that a list lacked, one by one.
    this.#since.delete(key);
  }
}

// Decides when a full list is not accepted at first: it would remove more than a healthy server usually loses.
// Deletions from a watch name each object and are accepted.

export interface ListFacts {
  /** Objects known before, and objects in the list. */
  readonly before: number;
  readonly now: number;
  /** Whether its version is older than one that the server sent before. */
  readonly isOlder: boolean;
  /** Number of objects that contradict their previous version; each keeps its last good version. */
  readonly contradictions?: number;
  /** Whether there are too many contradictions for single objects to be at fault. */
  readonly areMostContradictory?: boolean;
  /** Name of an expected object that is missing. */
  readonly missing?: string | undefined;
  /** Before the first accepted list: number of other nodes to which this one still has routes. */
  readonly held?: number | undefined;
  /** Number of other nodes in the list to which routes can lead; absent: all but this one. */
  readonly others?: number | undefined;
}

export interface ListDoubt {
  /** A sentence without the name of the resource. */
  readonly text: string;
  /** Number of repetitions after which the list is accepted. */
  readonly repetitions: number;
  /** Whether only some objects are affected, each of which keeps its last good version anyway. */
  readonly isOfSome?: boolean;
}

// Fewer objects may well be deleted between two lists.
const manyObjects = 5;

/** Undefined if the list is plausible. */
export function listDoubt(facts: ListFacts): ListDoubt | undefined {
  // This node's own Node does not count.
  const { before, now, isOlder, missing, held = 0, others = now - 1 } = facts;
  const { contradictions = 0, areMostContradictory = false } = facts;
  if (isOlder) return doubt('the list is older than an earlier answer of the API server');
  if (before > 0 && now === 0) return doubt(`the list is empty, but there were ${before} before`);
  if (missing !== undefined) return doubt(`the list has ${now} and lacks ${missing}`);
  const isOfSome = contradictions > 0 && !areMostContradictory;
  const contradictory = `objects in the list that contradict earlier answers of the API server: ${contradictions}`;
  if (contradictions > 0 && !isOfSome) return doubt(contradictory);
  if (held > 0 && others < held) {
    const what = others < now - 1 ? 'other nodes with pod ranges and addresses' : 'other nodes';
    const text = `the list has ${others} ${what}, but this node has routes to ${held}`;
    return doubt(text, isDrastic(held, others) ? 2 : 1);
  }
  if (isDrastic(before, now)) return doubt(`the list has ${now}, but there were ${before} before`);
  return isOfSome ? { ...doubt(contradictory), isOfSome } : undefined;
}

function doubt(text: string, repetitions = 2): ListDoubt {
  return { text, repetitions };
}

function isDrastic(before: number, now: number): boolean {
  return before - now >= manyObjects && now < before / 2;
}

// Known objects that full lists lack. A list may omit an existing object, and while watches work the next list is far
// away. So an object is removed when a watch reports its deletion, or when a second list some time later lacks it too.
export class Absences {
  readonly #waitMs: number;
  /** When lists began to lack each object. */
  #since = new Map<string, number>();

  /** `waitMs`: minimum time between the first list that lacks an object and the one that is accepted. */
  constructor(waitMs: number) {
    this.#waitMs = waitMs;
  }

  /** Records what a full list lacks. Returns the objects that are not accepted as deleted yet. */
  note(lacks: Iterable<string>, now: number = performance.now()): ReadonlySet<string> {
    const since = new Map(Array.from(lacks, (key) => [key, this.#since.get(key) ?? now]));
    this.#since = since;
    const young = Array.from(since).filter(([, first]) => now - first < this.#waitMs);
    return new Set(young.map(([key]) => key));
  }

  /** The object exists after all. */
  seen(key: string): void {
    // Deleted in place: a watch may report, one by one, all objects that a list lacked.
    this.#since.delete(key);
  }
}

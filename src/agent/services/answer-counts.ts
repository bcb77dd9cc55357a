// Number of answers of /healthz and /livez by status code, in memory that threads share: the thread that answers adds,
// metrics read.

/** Number of answers by status code. */
export type AnswersByCode = Readonly<Record<200 | 503, number>>;

/** For the metrics `proxy_healthz_total` and `proxy_livez_total`. */
export interface ServiceHealthCounts {
  readonly healthz: AnswersByCode;
  readonly livez: AnswersByCode;
}

// One place per path and code.
const places = { healthz: { 200: 0, 503: 1 }, livez: { 200: 2, 503: 3 } } as const;

export class AnswerCounts {
  readonly memory: SharedArrayBuffer;
  readonly #counts: BigUint64Array;

  /** `memory`: of the object whose numbers this one shares. */
  constructor(memory?: SharedArrayBuffer) {
    this.memory = memory ?? new SharedArrayBuffer(4 * BigUint64Array.BYTES_PER_ELEMENT);
    this.#counts = new BigUint64Array(this.memory);
  }

  add(path: keyof ServiceHealthCounts, code: 200 | 503): void {
    Atomics.add(this.#counts, places[path][code], 1n);
  }

  get all(): ServiceHealthCounts {
    const { healthz, livez } = places;
    return { healthz: this.#byCode(healthz), livez: this.#byCode(livez) };
  }

  #byCode(places: Readonly<Record<200 | 503, number>>): AnswersByCode {
    const count = (place: number): number => Number(Atomics.load(this.#counts, place));
    return { 200: count(places[200]), 503: count(places[503]) };
  }
}

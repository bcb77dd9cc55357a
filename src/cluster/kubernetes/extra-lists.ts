// Limits full lists beyond the regular ones. A single tenant or kubelet can cause them on all agents at any rate, so
// their total number is limited, not each reason.

export class ExtraLists {
  readonly #most: number;
  #left: number;

  /** `most`: the maximum that can be saved up, and the initial number. */
  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }

  /** Number of lists that may be requested now. */
  get left(): number {
    return Math.floor(this.#left);
  }

  /** Returns false if none is left. */
  take(): boolean {
    if (this.left < 1) return false;
    this.#left--;
    return true;
  }

  earn(count: number): void {
    this.#left = Math.min(this.#most, this.#left + count);
  }
}

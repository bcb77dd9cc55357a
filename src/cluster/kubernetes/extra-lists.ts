// How many full lists may be asked for beyond the regular ones. Reasons for one can be given by a single tenant or a single
// node's kubelet, to all agents at the same time and as often as they like; so their number is bounded, not each reason.

export class ExtraLists {
  readonly #most: number;
  #left: number;

  /** `most`: how many can be saved up; so many are there at first. */
  constructor(most: number) {
    this.#most = most;
    this.#left = most;
  }

  /** How many may be asked for now. */
  get left(): number {
    return Math.floor(this.#left);
  }

  /** Returns false where none is left. */
  take(): boolean {
    if (this.left < 1) return false;
    this.#left--;
    return true;
  }

  earn(count: number): void {
    this.#left = Math.min(this.#most, this.#left + count);
  }
}

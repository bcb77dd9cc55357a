// How much a kernel counter has grown in the last minutes: long enough to be seen by users, who look after the event.

const shownMs = 10 * 60_000;

export class RecentCount {
  #total: number | undefined;
  #shown = { count: 0, until: 0 };

  /** `total`: the current value of the counter; `now`: ms. Growth before the first call does not count. */
  after(total: number, now: number): number {
    const more = total - (this.#total ?? total);
    this.#total = total;
    if (now > this.#shown.until) this.#shown = { count: 0, until: 0 };
    if (more > 0) this.#shown = { count: this.#shown.count + more, until: now + shownMs };
    return this.#shown.count;
  }
}

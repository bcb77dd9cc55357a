// What a counter of the kernel has grown by in the last minutes: long enough to be seen by people, who look after the event.

const shownMs = 10 * 60_000;

export class RecentCount {
  #total: number | undefined;
  #shown = { count: 0, until: 0 };

  /** `total`: as the kernel counts it now; `now`: ms. What was counted before the first call is nobody's news. */
  after(total: number, now: number): number {
    const more = total - (this.#total ?? total);
    this.#total = total;
    if (now > this.#shown.until) this.#shown = { count: 0, until: 0 };
    if (more > 0) this.#shown = { count: this.#shown.count + more, until: now + shownMs };
    return this.#shown.count;
  }
}

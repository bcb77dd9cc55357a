// What watches bring: one that ends at once and says nothing is fruitless, and many that are silent for long may be of a server
// that does not know the version we watch from (it was restored from a backup, or told a wrong one): it accepts the watch all
// the same, and never says anything.

import type { ApiTimes } from '../client/api-times.ts';

/** After so many watches that ended at once and brought nothing, everything is listed. */
export const mostFruitless = 3;

export class WatchYield {
  readonly #times: Pick<ApiTimes, 'watchMs' | 'settledMs'>;
  #fruitless = 0;
  /** How long watches have been there since one last said anything. */
  #silentMs = 0;

  constructor(times: Pick<ApiTimes, 'watchMs' | 'settledMs'>) {
    this.#times = times;
  }

  get isTooLow(): boolean {
    return this.#fruitless >= mostFruitless;
  }

  /** Returns whether watches have been silent for so long that another server should be asked for everything. */
  ended({ events, livedMs }: { readonly events: number; readonly livedMs: number }): boolean {
    const { watchMs, settledMs } = this.#times;
    if (livedMs < settledMs && events === 0) this.#fruitless++;
    else if (events > 0) this.#fruitless = 0;
    this.#silentMs = events > 0 ? 0 : this.#silentMs + livedMs;
    // Two watches at most, and many short ones where something on the way cuts idle connections.
    return this.#silentMs >= 1.5 * watchMs;
  }

  refused(): void {
    this.#fruitless++;
  }

  settled(): void {
    this.#fruitless = 0;
  }

  listed(): void {
    this.#fruitless = 0;
    this.#silentMs = 0;
  }
}

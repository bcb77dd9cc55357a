// Judges what watches deliver. A watch that ends immediately without an event is fruitless. If watches are silent for
// long, the server may not know the version they start from (it was restored from a backup, or an earlier answer was
// wrong): such a server accepts the watch but never sends anything.

import type { ApiTimes } from '../client/api-times.ts';

/** After this many watches that ended immediately without an event, everything is listed. */
export const mostFruitless = 3;

export class WatchYield {
  readonly #times: Pick<ApiTimes, 'watchMs' | 'settledMs'>;
  #fruitless = 0;
  /** Total duration of watches since one last sent anything. */
  #silentMs = 0;

  constructor(times: Pick<ApiTimes, 'watchMs' | 'settledMs'>) {
    this.#times = times;
  }

  get isTooLow(): boolean {
    return this.#fruitless >= mostFruitless;
  }

  /** Returns whether watches have been silent for so long that everything should be listed from another server. */
  ended({ events, livedMs }: { readonly events: number; readonly livedMs: number }): boolean {
    const { watchMs, settledMs } = this.#times;
    if (livedMs < settledMs && events === 0) this.#fruitless++;
    else if (events > 0) this.#fruitless = 0;
    this.#silentMs = events > 0 ? 0 : this.#silentMs + livedMs;
    // At most two watches, or many short ones if something on the path cuts idle connections.
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

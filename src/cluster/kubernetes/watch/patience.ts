// Time limits of a watch: a silent watch cannot be distinguished from a dead one, so it has to end at some point.

import { shownMs } from '../client/answer-body.ts';
import type { ApiTimes } from '../client/api-times.ts';

export interface PatienceOptions {
  readonly times: Pick<ApiTimes, 'watchSilenceMs' | 'watchGraceMs' | 'halfEventMs' | 'settledMs'>;
  /** Duration that was requested from the server. */
  readonly askedMs: number;
  /** Whether this server is known to send bookmarks. */
  sendsBookmarks(): boolean;
  /** The watch has lasted for `settledMs`. */
  onSettled(): void;
  /** The watch must end, for this reason. */
  onEnd(text: string): void;
}

export class WatchPatience implements Disposable {
  readonly #options: PatienceOptions;
  readonly #settled: NodeJS.Timeout;
  readonly #overdue: NodeJS.Timeout;
  readonly #silence: NodeJS.Timeout;
  readonly #half: NodeJS.Timeout;
  #isHalf = false;

  constructor(options: PatienceOptions) {
    this.#options = options;
    const { times, askedMs, onEnd } = options;
    const { watchSilenceMs, watchGraceMs, halfEventMs, settledMs } = times;
    this.#settled = setTimeout(() => options.onSettled(), settledMs);
    this.#overdue = setTimeout(
      () => onEnd(`not ended by the server after ${shownMs(askedMs)}`),
      askedMs + watchGraceMs,
    );
    this.#silence = setTimeout(() => this.#silent(), watchSilenceMs);
    this.#half = setTimeout(() => {
      if (this.#isHalf) onEnd(`half an event, and then nothing for ${shownMs(halfEventMs)}`);
    }, halfEventMs);
  }

  heard(what: 'event' | 'half'): void {
    this.#isHalf = what === 'half';
    if (this.#isHalf) this.#half.refresh();
    else this.#silence.refresh();
  }

  [Symbol.dispose](): void {
    for (const timer of [this.#settled, this.#overdue, this.#silence, this.#half])
      clearTimeout(timer);
  }

  #silent(): void {
    const { sendsBookmarks, onEnd, times } = this.#options;
    if (sendsBookmarks())
      onEnd(`nothing received for ${shownMs(times.watchSilenceMs)}, not even a bookmark`);
    else this.#silence.refresh();
  }
}

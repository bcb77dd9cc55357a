// Returns memory after a burst of pods. V8 lets its heap grow with the garbage of a burst, and releases the memory with
// its next full collection, which may take an hour on a quiet node.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface BurstMemoryOptions {
  /** Fewer changes leave little garbage and cause no collection. */
  readonly leastChanges: number;
  /** Time without a change before a collection, which blocks the thread for some 50 ms. */
  readonly quietMs: number;
  readonly collect: () => void;
}

/** Collects once after each burst of changes. */
export class BurstMemory implements Disposable {
  readonly #options: BurstMemoryOptions;
  #changes = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: BurstMemoryOptions) {
    this.#options = options;
  }

  noteChange(): void {
    this.#changes++;
    if (this.#changes < this.#options.leastChanges) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#collect(), this.#options.quietMs);
    this.#timer.unref();
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
  }

  #collect(): void {
    this.#changes = 0;
    this.#options.collect();
  }
}

let collector: (() => void) | undefined;

/** Runs a full collection immediately. V8 provides the function only to code that is created after this flag is set. */
export function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  collector();
}

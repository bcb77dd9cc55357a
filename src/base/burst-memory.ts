// What a burst of pods leaves behind. V8 lets its heap grow with the garbage of a burst, and gives the memory back when it
// next collects in whole: on a node where little happens then, that may take an hour.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface BurstMemoryOptions {
  /** Fewer changes than these leave little behind: nothing is collected. */
  readonly leastChanges: number;
  /** Without a change, before anything is collected: it holds up the thread for some 50 ms. */
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

/** A collection in whole, at once. V8 hands out the function for it only to code that is made after this flag is set. */
export function collectGarbage(): void {
  if (collector === undefined) {
    setFlagsFromString('--expose-gc');
    collector = runInNewContext('gc') as () => void;
  }
  collector();
}

// A wall clock that a test sets for one process and its children, by Debian's libfaketime; the machine's clock is not
// changed. The monotonic clock, the times of files and statically linked programs are not affected.

import { renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const day = 86_400_000;

export class WallClock {
  readonly #file: string;
  #offsetMs = 0;

  constructor(folder: string) {
    this.#file = path.join(folder, 'wall-clock');
    this.setDays(0);
  }

  /** Environment of the processes with this clock. */
  get environment(): Readonly<Record<string, string>> {
    return {
      // The loader replaces $LIB with the machine's own folder of libraries.
      LD_PRELOAD: '/usr/$LIB/faketime/libfaketimeMT.so.1',
      FAKETIME_TIMESTAMP_FILE: this.#file,
      FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    };
  }

  /** ms since 1970. */
  now(): number {
    return Date.now() + this.#offsetMs;
  }

  /** Moves it by this number of days from the machine's clock, at once. */
  setDays(days: number): void {
    this.#offsetMs = days * day;
    writeFileSync(`${this.#file}.new`, `${days < 0 ? '-' : '+'}${Math.abs(days)}d\n`);
    renameSync(`${this.#file}.new`, this.#file);
  }
}

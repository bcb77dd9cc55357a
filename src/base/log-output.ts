// Where log lines go: standard error, written synchronously, since the last lines before a crash are the ones that matter.
// A log that takes no lines (a full disk, a reader that is gone or stalls) never reaches the code that logs: lines are lost
// instead, and counted.

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { errorCode, errorText } from './errors.ts';

export interface LogOutputOptions {
  /** Writes some of these bytes and returns how many. Throws what the system call says. */
  write(bytes: Uint8Array): number;
  /** In the line about lost lines. */
  readonly fields?: Readonly<Record<string, string>>;
  /** How long a line may wait for a reader. Default 100 ms; lines after one that was lost do not wait. */
  readonly patienceMs?: number;
}

export class LogOutput {
  readonly #options: LogOutputOptions;
  #lostLines = 0;
  /** Lost since a line was last written. */
  #unreported = 0;
  #problem: string | undefined;
  /** The last line was written in part. */
  #isCut = false;

  constructor(options: LogOutputOptions) {
    this.#options = options;
  }

  /** Since the start. */
  get lostLines(): number {
    return this.#lostLines;
  }

  /** Why lines are lost now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** With its end of line. Never throws. */
  write(line: string): void {
    if (this.retry() && this.#put(line)) return;
    this.#lostLines++;
    this.#unreported++;
  }

  /** After lost lines: writes the line that says so. True: lines can be written. Never throws. */
  retry(): boolean {
    if (this.#unreported === 0) return true;
    if (!this.#put(this.#report())) return false;
    this.#unreported = 0;
    this.#problem = undefined;
    return true;
  }

  #report(): string {
    const { fields } = this.#options;
    const counted = { lines: this.#unreported, problem: this.#problem };
    const head = { level: 'warn', time: new Date().toISOString(), ...fields };
    return `${JSON.stringify({ ...head, ...counted, msg: 'lines of this log were lost' })}\n`;
  }

  #put(line: string): boolean {
    // A line that was cut ends here, so that the next one can be read.
    let bytes = Buffer.from(this.#isCut ? `\n${line}` : line);
    const patienceMs = this.#unreported === 0 ? (this.#options.patienceMs ?? 100) : 0;
    const until = performance.now() + patienceMs;
    while (bytes.length > 0) {
      try {
        const written = this.#options.write(bytes);
        if (written > 0) this.#isCut = true;
        bytes = bytes.subarray(written);
      } catch (error) {
        if (isBusy(error) && performance.now() < until) {
          Atomics.wait(sleeper, 0, 0, 5);
          continue;
        }
        this.#problem = errorText(error);
        return false;
      }
    }
    this.#isCut = false;
    return true;
  }
}

const sleeper = new Int32Array(new SharedArrayBuffer(4));

function isBusy(error: unknown): boolean {
  return errorCode(error) === 'EAGAIN';
}

/**
 * Standard error. A pipe is opened again, so that a reader that stalls does not stop this process, and those who share the
 * pipe keep it as it is. A socket (systemd's journal) cannot be opened again, and is waited for.
 */
export function standardError(fields: Readonly<Record<string, string>> = {}): LogOutput {
  const descriptor = openPipe() ?? 2;
  return new LogOutput({ write: (bytes) => writeSync(descriptor, bytes), fields });
}

function openPipe(): number | undefined {
  let opened: number | undefined;
  try {
    if (!fstatSync(2).isFIFO()) return undefined;
    opened = openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK);
    if (fstatSync(opened).isFIFO()) return opened;
  } catch {
    // Closed, without a reader, or another user's.
  }
  if (opened !== undefined) closeSync(opened);
  return undefined;
}

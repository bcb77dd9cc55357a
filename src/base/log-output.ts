// The destination of log lines: standard error, written synchronously, because the last lines before a crash matter
// most. If standard error accepts no lines (a full disk, a reader that has ended or stalls), the code that logs is not
// affected: lines are dropped and counted.

import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { errorCode, errorText } from './errors.ts';

export interface LogOutputOptions {
  /** Writes some of the bytes and returns how many. Throws the error of the system call. */
  write(bytes: Uint8Array): number;
  /** Fields of the line that reports lost lines. */
  readonly fields?: Readonly<Record<string, string>>;
  /** How long a line may wait for a reader. Default 100 ms. After a lost line, later lines do not wait. */
  readonly patienceMs?: number;
}

export class LogOutput {
  readonly #options: LogOutputOptions;
  #lostLines = 0;
  /** Lines lost since the last written line. */
  #unreported = 0;
  #problem: string | undefined;
  /** Whether the last line was written partially. */
  #isCut = false;

  constructor(options: LogOutputOptions) {
    this.#options = options;
  }

  /** Number of lines lost since the start. */
  get lostLines(): number {
    return this.#lostLines;
  }

  /** Why lines are being lost now. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Writes a line, including its end of line. Never throws. */
  write(line: string): void {
    if (this.retry() && this.#put(line)) return;
    this.#lostLines++;
    this.#unreported++;
  }

  /** After lost lines: writes the line that reports them. Returns whether lines can be written. Never throws. */
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
    // End a partially written line here, so that the next one can be parsed.
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
 * Standard error. A pipe is opened again in non-blocking mode, so that a stalled reader does not stop this process and
 * the other users of the pipe are not affected. A socket (systemd's journal) cannot be opened again; writes to it wait.
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
    // The pipe is closed, has no reader, or belongs to another user.
  }
  if (opened !== undefined) closeSync(opened);
  return undefined;
}

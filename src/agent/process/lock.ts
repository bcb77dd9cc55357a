// One agent per state directory and pin directory: an flock on stateDir/agent.lock and one on the directory of pins itself.
// The kernel drops them when the process ends, however it ends. Per network namespace: network-lock.ts.

import {
  existsSync,
  fchmodSync,
  fstatSync,
  ftruncateSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../base/errors.ts';
import { InputError } from '../../base/input-error.ts';
import { ownFolder } from '../../base/private-folder.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { close, noFollow, open, openFlags, tryLock } from '../../kernel/libc.ts';

/** What there is in a state directory. */
export const stateNames: readonly string[] = [
  'endpoints',
  'spare-records',
  'released-addresses',
  'sysctls.json',
  'agent.lock',
];
const pinNames: readonly string[] = ['maps', 'programs', 'links'];

export class AgentLock implements Disposable {
  readonly #stateDir: string;
  /** What was wrong with the state directory and was put right, in words. */
  readonly warning: string | undefined;
  #fd: number;

  private constructor(stateDir: string, fd: number, warning: string | undefined) {
    this.#stateDir = stateDir;
    this.#fd = fd;
    this.warning = warning;
  }

  /** Makes the state directory when it is missing. Throws InputError with the holder's pid when an agent has it. */
  static acquire(stateDir: string): AgentLock {
    const warning = ownFolder('stateDir', stateDir, stateNames);
    return new AgentLock(stateDir, lockFile(stateDir), warning);
  }

  /** Takes the lock again where its file was deleted under the running agent. Throws InputError when that cannot be done. */
  keep(): void {
    const found = statSync(lockPath(this.#stateDir), { throwIfNoEntry: false });
    if (found?.ino === fstatSync(this.#fd).ino) return;
    ownFolder('stateDir', this.#stateDir, stateNames);
    const fd = lockFile(this.#stateDir);
    close(this.#fd);
    this.#fd = fd;
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

function lockPath(stateDir: string): string {
  return join(stateDir, 'agent.lock');
}

/** The descriptor that holds the lock. */
function lockFile(stateDir: string): number {
  const path = lockPath(stateDir);
  const fd = openLock(stateDir, path);
  if (!tryLock(fd)) {
    close(fd);
    const rule = `is in use by another heddle agent (pid ${holder(path) ?? 'unknown'})`;
    throw new InputError({ object: 'stateDir', value: stateDir, rule });
  }
  try {
    // Whoever can open it can lock it.
    fchmodSync(fd, 0o600);
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    // On a disk that is full the lock holds all the same; only its holder's number is not there to read.
    if (!isFileError(error)) throw error;
  }
  return fd;
}

function openLock(stateDir: string, path: string): number {
  try {
    return open(path, openFlags.readWrite | openFlags.create | noFollow, 0o600);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    // A lock needs no writing, and pods on a node whose disk went read-only need an agent.
    if (error.code === 'EROFS' && existsSync(path))
      return open(path, openFlags.readOnly | noFollow);
    const rule = `has no usable lock file: ${error.message}`;
    throw new InputError({ object: 'stateDir', value: stateDir, rule }, { cause: error });
  }
}

/**
 * Two agents with state directories of their own would still adopt, and replace, each other's programs and maps. Makes the
 * directory when it is missing. Throws InputError when an agent has it, without that agent's pid: a directory of pins holds no
 * file that could tell it.
 */
export function lockPins(pinDir: string): Disposable {
  ownFolder('pinDir', pinDir, pinNames);
  const fd = open(pinDir, openFlags.readOnly);
  // Whoever can open it can lock it.
  fchmodSync(fd, 0o700);
  if (tryLock(fd)) return { [Symbol.dispose]: () => close(fd) };
  close(fd);
  const rule = 'is in use by another heddle agent, which has another stateDir';
  throw new InputError({ object: 'pinDir', value: pinDir, rule });
}

/** Process id of the agent that runs with this state directory; undefined when none does. */
export function runningAgent(stateDir: string): number | undefined {
  const path = lockPath(stateDir);
  let fd: number;
  try {
    fd = open(path, openFlags.readOnly | noFollow);
  } catch {
    return undefined;
  }
  try {
    return tryLock(fd) ? undefined : holder(path);
  } finally {
    close(fd);
  }
}

// Who has just got the lock has yet to write its number, over that of an earlier one, which is dead. In another container the
// holder cannot be seen, and its number is still the best there is.
function holder(path: string): number | undefined {
  const pause = new Int32Array(new SharedArrayBuffer(4));
  for (let tries = 0; ; tries++) {
    const pid = Number.parseInt(readFileSync(path, 'utf8'), 10);
    if (existsSync(`/proc/${pid}`) || tries === 50) return Number.isNaN(pid) ? undefined : pid;
    Atomics.wait(pause, 0, 0, 10);
  }
}

function isFileError(error: unknown): boolean {
  return errorCode(error) !== undefined;
}

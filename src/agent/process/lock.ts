// One agent per state directory and pin directory: an flock on stateDir/agent.lock and one on the pin directory itself.
// The kernel releases them when the process ends for any reason. Per network namespace: network-lock.ts.

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
import { fileStatus } from '../../base/file-status.ts';
import { InputError } from '../../base/input-error.ts';
import { ownFolder } from '../../base/private-folder.ts';
import { discardHalfWritten, temporaryOf } from '../../base/replace-file.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { close, noFollow, open, openFlags, tryLock } from '../../kernel/libc.ts';

const replaced: readonly string[] = ['released-addresses', 'reserved-ports.json', 'sysctls.json'];

/** Names of files in a state directory that are half-written, and stay there if the agent is killed. */
export const temporaryStateNames: readonly string[] = replaced.map(temporaryOf);

/** Names of files and folders in a state directory. */
export const stateNames: readonly string[] = [
  'endpoints',
  'spare-records',
  ...replaced,
  'agent.lock',
];
const pinNames: readonly string[] = ['maps', 'programs', 'links'];

export class AgentLock implements Disposable {
  readonly #stateDir: string;
  /** What was corrected in the state directory. */
  readonly warning: string | undefined;
  #fd: number;

  private constructor(stateDir: string, fd: number, warning: string | undefined) {
    this.#stateDir = stateDir;
    this.#fd = fd;
    this.warning = warning;
  }

  /**
   * Creates the state directory if it is missing. Throws InputError with the holder's pid if another agent has the
   * lock.
   */
  static acquire(stateDir: string): AgentLock {
    const warning = ownFolder('stateDir', stateDir, stateNames);
    const fd = lockFile(stateDir);
    // No other agent writes here now.
    for (const name of replaced) discardHalfWritten(join(stateDir, name));
    return new AgentLock(stateDir, fd, warning);
  }

  /** Takes the lock again if its file was deleted while the agent runs. Throws InputError if that fails. */
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

/** Returns the descriptor that holds the lock. */
function lockFile(stateDir: string): number {
  const path = lockPath(stateDir);
  const fd = openLock(stateDir, path);
  if (!tryLock(fd)) {
    close(fd);
    const rule = `is in use by another heddle agent (pid ${holder(path) ?? 'unknown'})`;
    throw new InputError({ object: 'stateDir', value: stateDir, rule });
  }
  writePid(fd);
  return fd;
}

function writePid(fd: number): void {
  try {
    // A user who can open the file can lock it.
    fchmodSync(fd, 0o600);
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    // On a full or read-only disk the lock still holds; only the holder's pid cannot be read.
    if (!isFileError(error)) throw error;
  }
}

function openLock(stateDir: string, path: string): number {
  try {
    return open(path, openFlags.readWrite | openFlags.create | noFollow, 0o600);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    // The lock needs no write access, and pods need an agent on a node whose disk became read-only.
    if (error.code === 'EROFS' && existsSync(path))
      return open(path, openFlags.readOnly | noFollow);
    const rule = `has no usable lock file: ${error.message}`;
    throw new InputError({ object: 'stateDir', value: stateDir, rule }, { cause: error });
  }
}

/**
 * Two agents with separate state directories would still adopt and replace each other's programs and maps. Creates the
 * directory if it is missing. Throws InputError if another agent has it, without that agent's pid, because a pin
 * directory contains no file with it.
 */
export function lockPins(pinDir: string): Disposable {
  ownFolder('pinDir', pinDir, pinNames);
  const fd = open(pinDir, openFlags.readOnly);
  // A user who can open the folder can lock it.
  fchmodSync(fd, 0o700);
  if (tryLock(fd)) return { [Symbol.dispose]: () => close(fd) };
  close(fd);
  const rule = 'is in use by another heddle agent, which has a different stateDir';
  throw new InputError({ object: 'pinDir', value: pinDir, rule });
}

/**
 * The lock of a state directory that was used: while it is held, no agent starts there. Undefined if there is no lock file.
 * Throws InputError with the agent's pid while one runs.
 */
export function lockUsedState(stateDir: string): Disposable | undefined {
  const path = lockPath(stateDir);
  // On a read-only disk the lock needs no write access.
  const fd =
    openPresent(path, openFlags.readWrite | noFollow) ??
    openPresent(path, openFlags.readOnly | noFollow);
  if (fd === undefined) return undefined;
  if (tryLock(fd)) {
    writePid(fd);
    return { [Symbol.dispose]: () => close(fd) };
  }
  close(fd);
  const rule = `is in use by an agent (pid ${holder(path) ?? 'unknown'}): stop it first`;
  throw new InputError({ object: 'stateDir', value: stateDir, rule });
}

/** The same for a pin directory. */
export function lockUsedPins(pinDir: string): Disposable | undefined {
  // To open a pipe would wait for its writer.
  const isFolder = fileStatus(pinDir)?.isDirectory() === true;
  const fd = isFolder ? openPresent(pinDir, openFlags.readOnly) : undefined;
  if (fd === undefined) return undefined;
  if (tryLock(fd)) return { [Symbol.dispose]: () => close(fd) };
  close(fd);
  const rule = 'is in use by an agent, which has a different stateDir: stop it first';
  throw new InputError({ object: 'pinDir', value: pinDir, rule });
}

function openPresent(path: string, flags: number): number | undefined {
  try {
    return open(path, flags);
  } catch {
    return undefined;
  }
}

// A new holder may not have replaced the pid of an earlier, dead one yet. A holder in another container is not visible,
// so its recorded pid is the best information.
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

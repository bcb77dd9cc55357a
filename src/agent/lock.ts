// One agent a state directory and a pin directory: an flock on stateDir/agent.lock and one on the directory of pins itself,
// which the kernel drops when the process ends, however it ends.

import { existsSync, ftruncateSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../base/input-error.ts';
import { close, open, openFlags, tryLock } from '../kernel/libc.ts';

export class AgentLock implements Disposable {
  readonly #fd: number;

  private constructor(fd: number) {
    this.#fd = fd;
  }

  /** Makes the state directory when it is missing. Throws InputError with the holder's pid when an agent has it. */
  static acquire(stateDir: string): AgentLock {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    const path = join(stateDir, 'agent.lock');
    const fd = open(path, openFlags.readWrite | openFlags.create, 0o600);
    if (!tryLock(fd)) {
      close(fd);
      throw new InputError({
        object: 'stateDir',
        value: stateDir,
        rule: `is in use by another heddle agent (pid ${holder(path) ?? 'unknown'})`,
      });
    }
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
    return new AgentLock(fd);
  }

  [Symbol.dispose](): void {
    close(this.#fd);
  }
}

/**
 * Two agents with state directories of their own would still adopt, and replace, each other's programs and maps. Makes the
 * directory when it is missing. Throws InputError when an agent has it, without that agent's pid: a directory of pins holds no
 * file that could tell it.
 */
export function lockPins(pinDir: string): Disposable {
  mkdirSync(pinDir, { recursive: true, mode: 0o700 });
  const fd = open(pinDir, openFlags.readOnly);
  if (tryLock(fd)) return { [Symbol.dispose]: () => close(fd) };
  close(fd);
  const rule = 'is in use by another heddle agent, which has another stateDir';
  throw new InputError({ object: 'pinDir', value: pinDir, rule });
}

/** Process id of the agent that runs with this state directory; undefined when none does. */
export function runningAgent(stateDir: string): number | undefined {
  const path = join(stateDir, 'agent.lock');
  let fd: number;
  try {
    fd = open(path, openFlags.readWrite);
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

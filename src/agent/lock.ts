// One agent a state directory, a pin directory and a network namespace: an flock on stateDir/agent.lock, one on the directory
// of pins itself, and a name that only one socket of a namespace can have. The kernel drops them when the process ends,
// however it ends.

import { existsSync, ftruncateSync, mkdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { InputError } from '../base/input-error.ts';
import { isKernelError } from '../kernel/errno.ts';
import { bind, close, open, openFlags, socket, tryLock } from '../kernel/libc.ts';

const unixDomain = 1;
const streamType = 1;
// A struct sockaddr_un: a name that begins with a zero byte is in no file system, but in the network namespace (unix(7)).
const agentName: Uint8Array = Buffer.concat([
  new Uint8Array(new Uint16Array([unixDomain]).buffer),
  Buffer.from('\0heddle-agent'),
]);

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

/**
 * In the network namespace of the calling thread. Two agents that share nothing else would still write the same nftables
 * table, blocks of filters and routes in turn. Throws InputError when an agent has it.
 */
export function lockNetwork(): Disposable {
  const fd = socket(unixDomain, streamType, 0);
  try {
    bind(fd, agentName);
  } catch (error) {
    close(fd);
    if (!isKernelError(error, 'EADDRINUSE')) throw error;
    const rule = 'is in use by another heddle agent, which has another stateDir and pinDir';
    throw new InputError({ object: 'network namespace', rule });
  }
  return { [Symbol.dispose]: () => close(fd) };
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

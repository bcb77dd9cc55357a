// One agent per network namespace, whatever else two agents share: an nftables table that only one socket can own, and
// only with CAP_NET_ADMIN. An abstract unix name, which earlier versions used alone, has neither owner nor mode: any
// local user could take it and keep the agent from starting. It is still taken, so that an earlier version detects this
// one. If another process has it, only an agent of an earlier version counts.

import { InputError } from '../../base/input-error.ts';
import { UndoStack } from '../../base/undo.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { bind, close, socket } from '../../kernel/libc.ts';
import { heldTableComment, holdTable } from '../../kernel/netfilter/nft-owned-table.ts';
import { nameHolder } from './name-holder.ts';

const table = 'heddle_agent';
const unixDomain = 1;
const streamType = 1;
const name = 'heddle-agent';
// A struct sockaddr_un. A name that begins with a zero byte is not in a file system but in the network namespace
// (unix(7)).
const address: Uint8Array = Buffer.concat([
  new Uint8Array(new Uint16Array([unixDomain]).buffer),
  Buffer.from(`\0${name}`),
]);

export interface NetworkLock extends Disposable {
  /** A warning for operators although the lock was taken. */
  readonly warning?: string;
}

/** In the network namespace of the calling thread. Throws InputError with the holder's pid if another agent has it. */
export function lockNetwork(): NetworkLock {
  const lock = holdTable(table, `lock of the heddle agent, pid ${process.pid}`);
  if (lock === undefined) throw inUse(networkHolder());
  const held = new UndoStack();
  held.use(lock);
  try {
    const warning = takeName(held);
    return {
      ...(warning === undefined ? {} : { warning }),
      [Symbol.dispose]: () => held[Symbol.dispose](),
    };
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  }
}

/** The agent in the calling thread's network namespace. The process id is the one in its own pid namespace. */
export function networkHolder(): { readonly pid?: number } | undefined {
  const comment = heldTableComment(table);
  if (comment === undefined) return undefined;
  const pid = Number(/pid (\d+)$/.exec(comment)?.[1]);
  return Number.isNaN(pid) ? {} : { pid };
}

function inUse(holder: ReturnType<typeof networkHolder>): InputError {
  const rule = `is in use by another heddle agent (pid ${holder?.pid ?? 'unknown'}), which has a different stateDir and pinDir`;
  return new InputError({ object: 'network namespace', rule });
}

/**
 * Undefined if the name was taken; a warning if a process has it that is not an agent. Throws InputError if it is an
 * agent.
 */
function takeName(held: UndoStack): string | undefined {
  const fd = socket(unixDomain, streamType, 0);
  held.push(() => close(fd));
  try {
    bind(fd, address);
    return undefined;
  } catch (error) {
    if (!isKernelError(error, 'EADDRINUSE')) throw error;
  }
  const { isPrivileged, ...holder } = nameHolder(name);
  if (isPrivileged) throw inUse(holder);
  const { pid, uid } = holder;
  const who = pid === undefined ? 'a process that is not visible from here' : `process ${pid}`;
  const user = uid === undefined ? '' : ` (uid ${uid})`;
  return `the abstract unix name @${name} is held by ${who}, which is not an agent${user}: ignored; agents of earlier versions will not detect this one`;
}

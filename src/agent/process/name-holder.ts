// Finds the process that has an abstract unix name: the kernel reports the owner of the socket, /proc the process that
// has it open. A user may have any number of sockets, processes and descriptors, so each search is limited in time.

import { opendirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { isKernelError } from '../../kernel/errno.ts';
import { abstractSocket, type UnixSocket } from '../../kernel/sockets/unix-socket.ts';

export interface NameHolder {
  /** Undefined if unknown. */
  readonly uid?: number;
  /** Undefined if it is not visible or was not found in time. */
  readonly pid?: number;
  /** Whether it could be an agent: it has CAP_NET_ADMIN in this user namespace. */
  readonly isPrivileged: boolean;
}

// Time limit of each search: sockets, privileged processes, others.
const boundMs = 200;
// An agent takes the name before nearly everything else, so it is among its first descriptors.
const mostDescriptors = 1_024;

/** In the network namespace of the calling thread. `now`: milliseconds. */
export function nameHolder(name: string, now: () => number = () => performance.now()): NameHolder {
  const socket = socketWith(name, late(now));
  if (socket === undefined) return { isPrivileged: false };
  const { uid } = socket;
  // Processes of other users are not searched for an agent, because their number is unbounded.
  const agent = isOfAgents(uid) ? processWith(socket, late(now), isPrivileged) : undefined;
  if (agent !== undefined) return { uid, pid: agent, isPrivileged: true };
  const pid = processWith(socket, late(now), () => true);
  return { uid, isPrivileged: false, ...(pid === undefined ? {} : { pid }) };
}

function late(now: () => number): () => boolean {
  const end = now() + boundMs;
  return () => now() >= end;
}

function socketWith(name: string, isLate: () => boolean): UnixSocket | undefined {
  try {
    return abstractSocket(name, isLate);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    // Not supported by this kernel, or not allowed for this process.
    return undefined;
  }
}

// A socket of root, or of the user of an agent without root.
function isOfAgents(uid: number): boolean {
  return uid === 0 || uid === process.geteuid?.();
}

function processWith(
  { inode, uid }: UnixSocket,
  isLate: () => boolean,
  isCandidate: (pid: string) => boolean,
): number | undefined {
  const link = `socket:[${inode}]`;
  for (const pid of entries('/proc')) {
    if (isLate()) return undefined;
    if (!/^\d+$/.test(pid) || userOf(pid) !== uid || !isCandidate(pid)) continue;
    if (hasOpen(pid, link, isLate)) return Number(pid);
  }
  return undefined;
}

function userOf(pid: string): number | undefined {
  try {
    return statSync(`/proc/${pid}`).uid;
  } catch {
    return undefined;
  }
}

function hasOpen(pid: string, link: string, isLate: () => boolean): boolean {
  const folder = `/proc/${pid}/fd`;
  let descriptors = 0;
  try {
    for (const fd of entries(folder)) {
      if (isLate() || descriptors++ === mostDescriptors) return false;
      if (linkOf(`${folder}/${fd}`) === link) return true;
    }
  } catch {
    // It ended meanwhile, or is not visible.
  }
  return false;
}

/** Yields one entry at a time: a folder may have a million. */
function* entries(folder: string): Generator<string> {
  const directory = opendirSync(folder);
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync())
      yield entry.name;
  } finally {
    directory.closeSync();
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/**
 * An agent needs CAP_NET_ADMIN in this user namespace. In a user namespace of its own, any process has every
 * capability.
 */
function isPrivileged(pid: string): boolean {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    const netAdmin = 12n;
    const capabilities = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
    const isOurs = linkOf(`/proc/${pid}/ns/user`) === linkOf('/proc/self/ns/user');
    return isOurs && ((capabilities >> netAdmin) & 1n) === 1n;
  } catch {
    return false;
  }
}

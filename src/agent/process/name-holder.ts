// Which process has an abstract unix name: the kernel says whose the socket is, /proc which process has it open. Any user may have
// as many sockets, processes and descriptors as it likes, so each look ends after a time, found or not.

import { opendirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { isKernelError } from '../../kernel/errno.ts';
import { abstractSocket, type UnixSocket } from '../../kernel/netlink/unix-socket.ts';

export interface NameHolder {
  /** Undefined where it is not known. */
  readonly uid?: number;
  /** Undefined where it cannot be seen from here, or was not found in time. */
  readonly pid?: number;
  /** Whether it could be an agent: it has CAP_NET_ADMIN in this user namespace. */
  readonly isPrivileged: boolean;
}

// For each look: sockets, privileged processes, others.
const boundMs = 200;
// An agent takes the name before nearly all else, so that it is among its first descriptors.
const mostDescriptors = 1_024;

/** In the network namespace of the calling thread. `now`: milliseconds. */
export function nameHolder(name: string, now: () => number = () => performance.now()): NameHolder {
  const socket = socketWith(name, late(now));
  if (socket === undefined) return { isPrivileged: false };
  const { uid } = socket;
  // No process of another user is looked at where an agent is looked for: their number is bounded by nothing.
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
    // Not in this kernel, or not allowed to this process.
    return undefined;
  }
}

// That of root, or of another agent without root.
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
    // It ended meanwhile, or cannot be seen.
  }
  return false;
}

/** One after the other: a folder may have a million. */
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

/** An agent could not work without CAP_NET_ADMIN in this user namespace: in one of its own anybody has every capability. */
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

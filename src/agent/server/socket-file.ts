// The file of a unix socket that this process listens on: created if no one answers there, and removed only while it is
// this process's.

import { chmodSync, lstatSync, rmSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname } from 'node:path';
import { cniSocketOf } from '../../api/socket.ts';
import { attemptRemoval, type ReportRefusal } from '../../base/attempt-removal.ts';
import { InputError } from '../../base/input-error.ts';
import { sharedFolder } from '../../base/private-folder.ts';
import { isKernelError, KernelError } from '../../kernel/errno.ts';
import { bind, close, socket } from '../../kernel/libc.ts';

const unixDomain = 1;
const streamType = 1;

/**
 * Throws InputError if a process has the socket at `path` open: two agents with one socket would take it from each
 * other. A socket that no process has open is a leftover.
 */
export async function refuseAnswered(path: string): Promise<void> {
  if ((await userOf(path)) === undefined) return;
  const rule =
    'is in use by another process (`ss -xlp` shows which): stop that process, or configure another socket';
  throw new InputError({ object: 'socket', value: path, rule });
}

/** Whether `path` is a socket at which a process answers. */
export async function isAnswered(path: string): Promise<boolean> {
  return (await userOf(path)) === 'answers';
}

/**
 * Removes the API's socket that an agent has left, and the CNI shim's next to it: only sockets, and only if no process
 * has them open. Returns their number.
 */
export async function removeLeftSockets(
  apiSocket: string,
  refused: ReportRefusal,
): Promise<number> {
  let removed = 0;
  for (const path of [apiSocket, cniSocketOf(apiSocket)]) {
    if (await removeLeftSocket(path, refused)) removed++;
  }
  return removed;
}

async function removeLeftSocket(path: string, refused: ReportRefusal): Promise<boolean> {
  if (!isSocket(path) || (await userOf(path)) !== undefined) return false;
  const remove = (): boolean => {
    rmSync(path, { force: true });
    return true;
  };
  return attemptRemoval(path, refused, remove) ?? false;
}

/** How a process uses the socket at `path`; undefined: it is not a socket, or no process has it open. */
async function userOf(path: string): Promise<'answers' | 'otherType' | undefined> {
  if (!isSocket(path)) return undefined;
  const code = await new Promise<string | undefined>((resolve) => {
    const connection = connect(path, () => {
      connection.destroy();
      resolve(undefined);
    });
    connection.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'EINVAL'));
  });
  // EAGAIN: the process accepts nothing, and its backlog is full.
  if (code === undefined || code === 'EAGAIN') return 'answers';
  // A datagram socket, like those of systemd and syslog. A socket that no process has open refuses, whatever its type.
  return code === 'EPROTOTYPE' ? 'otherType' : undefined;
}

/** Also false for a string that cannot be a path. */
function isSocket(path: string): boolean {
  try {
    return lstatSync(path).isSocket();
  } catch {
    return false;
  }
}

/** Listens on a file. */
export interface SocketServer {
  /** Whether its file still exists and is its own. */
  isReachable(): boolean;
  /** Accepts no new connections, and removes the file if it is still its own. */
  close(): void;
  /** Resolves when it is closed and its last connection has ended. */
  readonly ended: Promise<void>;
  closeAllConnections(): void;
}

/** Listens on `path` like `listenOnFile`, whose errors it throws. */
export async function serveOnFile(
  server: Server,
  path: string,
  closeAllConnections: () => void,
): Promise<SocketServer> {
  const file = await listenOnFile(server, path);
  return {
    isReachable: () => file.isThere(),
    ended: new Promise((resolve) => {
      server.once('close', resolve);
    }),
    close: () => {
      file.remove();
      server.close();
    },
    closeAllConnections,
  };
}

/**
 * Listens on `path` with mode 0600, and replaces a leftover socket. Throws InputError if a process answers there,
 * others may write to its folder, or a folder or a non-empty file is in its place; KernelError for errors of the
 * kernel.
 */
export async function listenOnFile(server: Server, path: string): Promise<SocketFile> {
  sharedFolder('socket', dirname(path));
  const present = lstatSync(path, { throwIfNoEntry: false });
  if (present?.isDirectory()) {
    throw new InputError({ object: 'socket', value: path, rule: 'is a folder: remove it' });
  }
  // A mistyped path must not cost the user a file.
  if (present?.isFile() && present.size > 0) {
    throw new InputError({ object: 'socket', value: path, rule: 'is a file: remove it' });
  }
  await refuseAnswered(path);
  rmSync(path, { force: true });
  const fd = boundTo(path);
  await new Promise<void>((resolve, reject) => {
    server.once('error', ({ code = 'EINVAL' }: NodeJS.ErrnoException) => {
      reject(new KernelError({ call: 'listen', subject: path, code }));
    });
    // Not by path: a server with a path removes that file when it closes, whoever owns it by then.
    server.listen({ fd }, resolve);
  });
  chmodSync(path, 0o600);
  return new SocketFile(path);
}

export class SocketFile {
  readonly #path: string;
  readonly #made: string | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#made = fileAt(path);
  }

  isThere(): boolean {
    return this.#made !== undefined && fileAt(this.#path) === this.#made;
  }

  /** Does not throw: a file that stays has no process, and is replaced by the next one that listens. */
  remove(): void {
    if (!this.isThere()) return;
    try {
      rmSync(this.#path, { force: true });
    } catch {
      // A read-only file system, for example.
    }
  }
}

function boundTo(path: string): number {
  const fd = socket(unixDomain, streamType, 0);
  // A struct sockaddr_un. The umask closes the window between bind(2) and chmod(2).
  const family = new Uint8Array(new Uint16Array([unixDomain]).buffer);
  const mask = process.umask(0o177);
  try {
    bind(fd, Buffer.concat([family, Buffer.from(`${path}\0`)]));
    return fd;
  } catch (error) {
    close(fd);
    if (!isKernelError(error)) throw error;
    throw new KernelError({ call: 'listen', subject: path, code: error.code }, { cause: error });
  } finally {
    process.umask(mask);
  }
}

/**
 * Differs for a different file, even if that has the same inode. Undefined if lstat(2) fails for any reason: no one
 * reaches the socket by such a path.
 */
function fileAt(path: string): string | undefined {
  try {
    const { dev, ino, ctimeNs } = lstatSync(path, { bigint: true });
    return `${dev} ${ino} ${ctimeNs}`;
  } catch {
    return undefined;
  }
}

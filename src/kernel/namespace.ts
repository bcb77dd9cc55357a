// Network namespaces: create them, open them, run a function inside one. A socket (netlink, TCP, libnftables) created
// inside stays there, so a program on one thread can serve any number of namespaces.

import fs from 'node:fs';
import path from 'node:path';
import { isKernelError, KernelError } from './errno.ts';
import { fileCall } from './file-call.ts';
import {
  cloneFlags,
  close,
  duplicate,
  getsockopt,
  gettid,
  ioctl,
  mount,
  mountFlags,
  open,
  openFlags,
  setns,
  socket,
  unmount,
  unshare,
} from './libc.ts';

const ownNamespace = '/proc/thread-self/ns/net';
// linux/nsfs.h
const nsGetType = 0xb703;
// linux/socket.h, linux/net.h; SO_NETNS_COOKIE of asm-generic/socket.h
const internet = { family: 2, datagram: 2 } as const;
const netnsCookie = { level: 1, name: 71 } as const;

/** A network namespace, kept alive until this is disposed of. */
export class NetworkNamespace implements Disposable {
  readonly fd: number;
  #open = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * Creates a namespace and bind-mounts it at `path`, so that it outlives this process. `remove` deletes it.
   * Equivalent to: `ip netns add NAME` for /run/netns/NAME. Throws KernelError (EEXIST: the path exists).
   */
  static create(path: string): NetworkNamespace {
    prepareDirectory(path);
    close(open(path, openFlags.create | exclusive, 0o444));
    try {
      inNewNamespace(() =>
        mount({
          source: `/proc/self/task/${gettid()}/ns/net`,
          target: path,
          type: 'none',
          flags: mountFlags.bind,
        }),
      );
      return NetworkNamespace.open(path);
    } catch (error) {
      fs.rmSync(path, { force: true });
      throw error;
    }
  }

  /**
   * Opens a namespace by its path (`/run/netns/NAME`, `/proc/PID/ns/net`). Throws KernelError (ENOENT; EINVAL: not a
   * namespace).
   */
  static open(path: string): NetworkNamespace {
    // Without O_NONBLOCK, a FIFO would block the thread until its other end is opened.
    const fd = open(path, openFlags.readOnly | openFlags.nonBlocking);
    if (isNetworkNamespace(fd)) return new NetworkNamespace(fd);
    close(fd);
    const detail = 'this is not a network namespace';
    throw new KernelError({ call: 'open', subject: path, code: 'EINVAL', detail });
  }

  /** The namespace of the calling thread. */
  static current(): NetworkNamespace {
    return new NetworkNamespace(open(ownNamespace, openFlags.readOnly));
  }

  /** The namespace in which a socket was created, whatever the thread's current one. Linux 4.9, CAP_NET_ADMIN. */
  static ofSocket(fd: number): NetworkNamespace {
    const siocgskns = 0x894c;
    return new NetworkNamespace(ioctl(fd, siocgskns));
  }

  /**
   * Removes the mount and the file. The namespace itself ends with its last process, socket and handle.
   * Equivalent to: `ip netns delete NAME`. Throws KernelError (ENOENT).
   */
  static remove(path: string): void {
    try {
      unmount(path);
    } catch (error) {
      // EINVAL: the file exists but nothing is mounted on it, as after an interrupted creation.
      if (!isKernelError(error, 'EINVAL')) throw error;
    }
    fileCall('unlink', path, () => fs.unlinkSync(path));
  }

  /** Identity of the namespace on this machine: two handles with equal inodes refer to the same namespace. */
  inode(): bigint {
    return fs.fstatSync(this.fd, { bigint: true }).ino;
  }

  /**
   * Number by which BPF programs know the namespace (bpf_get_netns_cookie); not reused until the machine restarts.
   * Linux 5.14. Throws KernelError.
   */
  cookie(): number {
    return this.run(() => {
      const fd = socket(internet.family, internet.datagram, 0);
      try {
        const bytes = new BigUint64Array(1);
        const into = new Uint8Array(bytes.buffer);
        getsockopt(fd, { ...netnsCookie, into });
        return Number(bytes[0]);
      } finally {
        close(fd);
      }
    });
  }

  /** Returns another handle of the same namespace. */
  duplicate(): NetworkNamespace {
    return new NetworkNamespace(duplicate(this.fd));
  }

  /**
   * Runs `body` with this thread inside the namespace and returns to the previous one, even if `body` throws. Only for
   * synchronous functions: later work (promises, callbacks, `listen` with a host name) would run outside. If the thread
   * cannot return, the process ends, because everything it did afterwards would happen in the wrong namespace. Child
   * processes started inside stay inside. Throws KernelError, and TypeError for an asynchronous `body`.
   */
  run<Result>(body: () => Result): Result {
    refuseAsync(body);
    warmThreadPool();
    const home = open(ownNamespace, openFlags.readOnly);
    try {
      if (!this.#enter(home)) return refusePromise(body());
      return refusePromise(comingBack(home, body));
    } finally {
      close(home);
    }
  }

  // False: the thread is already there. A process without CAP_SYS_ADMIN may not even enter its own namespace.
  #enter(home: number): boolean {
    try {
      setns(this.fd, cloneFlags.newNet);
      return true;
    } catch (error) {
      const isHere = this.inode() === fs.fstatSync(home, { bigint: true }).ino;
      if (isHere && isKernelError(error, 'EPERM')) return false;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    // Disposing twice is allowed. After the first time, the number may belong to another descriptor.
    if (!this.#open) return;
    this.#open = false;
    close(this.fd);
  }
}

const exclusive = 0o200;

function inNewNamespace(body: () => void): void {
  warmThreadPool();
  const home = open(ownNamespace, openFlags.readOnly);
  try {
    unshare(cloneFlags.newNet);
    comingBack(home, body);
  } finally {
    close(home);
  }
}

function comingBack<Result>(home: number, body: () => Result): Result {
  try {
    return body();
  } finally {
    comeBack(home);
  }
}

function comeBack(home: number): void {
  try {
    setns(home, cloneFlags.newNet);
  } catch (error) {
    process.stderr.write(`cannot leave a network namespace: ${String(error)}\n`);
    process.abort();
  }
}

function refuseAsync(body: () => unknown): void {
  if (body.constructor.name === 'AsyncFunction') {
    throw new TypeError('NetworkNamespace.run takes synchronous functions only');
  }
}

function refusePromise<Result>(result: Result): Result {
  if (typeof result === 'object' && result !== null && 'then' in result) {
    throw new TypeError(
      'NetworkNamespace.run takes synchronous functions only: this one returned a promise',
    );
  }
  return result;
}

let threadPoolIsWarm = false;

// libuv starts all threads of its pool on first use, and they inherit the namespace of the thread that starts them. If
// the first use were inside `run`, all later file and DNS operations of the process would happen in that namespace.
function warmThreadPool(): void {
  if (threadPoolIsWarm) return;
  fs.stat('/', () => undefined);
  threadPoolIsWarm = true;
}

function isNetworkNamespace(fd: number): boolean {
  try {
    return ioctl(fd, nsGetType) === cloneFlags.newNet;
  } catch (error) {
    if (isKernelError(error, 'ENOTTY')) return false;
    throw error;
  }
}

/**
 * As iproute2 does for /run/netns: the directory is a shared mount of its own, so that a namespace mounted or removed
 * here is visible in every mount namespace (containers, services with private mounts) and does not linger there.
 */
function prepareDirectory(file: string): void {
  const directory = path.dirname(file);
  fileCall('mkdir', directory, () => fs.mkdirSync(directory, { recursive: true, mode: 0o755 }));
  if (path.resolve(directory) !== '/run/netns') return;
  try {
    makeShared(directory);
  } catch (error) {
    if (!isKernelError(error, 'EINVAL')) throw error;
    // Not a mount point yet.
    mount({
      source: directory,
      target: directory,
      type: 'none',
      flags: mountFlags.bind | mountFlags.recursive,
    });
    makeShared(directory);
  }
}

function makeShared(directory: string): void {
  mount({
    source: '',
    target: directory,
    type: 'none',
    flags: mountFlags.shared | mountFlags.recursive,
  });
}

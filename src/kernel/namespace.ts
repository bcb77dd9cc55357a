// Network namespaces: make them, open them, run a function inside one. A socket (netlink, TCP, libnftables) made inside
// stays there for good, so a program on one thread can serve any number of namespaces.

import fs from 'node:fs';
import path from 'node:path';
import { isKernelError, KernelError } from './errno.ts';
import { fileCall } from './file-call.ts';
import {
  cloneFlags,
  close,
  duplicate,
  gettid,
  ioctl,
  mount,
  mountFlags,
  open,
  openFlags,
  setns,
  unmount,
  unshare,
} from './libc.ts';

const ownNamespace = '/proc/thread-self/ns/net';
// linux/nsfs.h
const nsGetType = 0xb703;

/** A network namespace, kept alive as long as this is not disposed of. */
export class NetworkNamespace implements Disposable {
  readonly fd: number;
  #open = true;

  private constructor(fd: number) {
    this.fd = fd;
  }

  /**
   * A new namespace, bind-mounted at `path` so that it outlives this process; `remove` takes it away.
   * Equivalent to: `ip netns add NAME` for /run/netns/NAME. Throws KernelError (EEXIST: the path is taken).
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

  /** Opens one by its path (`/run/netns/NAME`, `/proc/PID/ns/net`). Throws KernelError (ENOENT; EINVAL: not a namespace). */
  static open(path: string): NetworkNamespace {
    // A FIFO would hold up the thread until somebody opens its other end.
    const fd = open(path, openFlags.readOnly | openFlags.nonBlocking);
    if (isNetworkNamespace(fd)) return new NetworkNamespace(fd);
    close(fd);
    const detail = 'this is not a network namespace';
    throw new KernelError({ call: 'open', subject: path, code: 'EINVAL', detail });
  }

  /** The one that the calling thread is in. */
  static current(): NetworkNamespace {
    return new NetworkNamespace(open(ownNamespace, openFlags.readOnly));
  }

  /** The one that a socket was made in, whatever the thread is in now. Linux 4.9, CAP_NET_ADMIN. */
  static ofSocket(fd: number): NetworkNamespace {
    const siocgskns = 0x894c;
    return new NetworkNamespace(ioctl(fd, siocgskns));
  }

  /**
   * Takes the mount and the file away; the namespace itself goes when its last process, socket and handle are gone.
   * Equivalent to: `ip netns delete NAME`. Throws KernelError (ENOENT).
   */
  static remove(path: string): void {
    try {
      unmount(path);
    } catch (error) {
      // EINVAL: the file is there but nothing is mounted on it, as after a creation that was cut short.
      if (!isKernelError(error, 'EINVAL')) throw error;
    }
    fileCall('unlink', path, () => fs.unlinkSync(path));
  }

  /** The namespace's identity on this machine: two handles with equal inodes are the same namespace. */
  inode(): bigint {
    return fs.fstatSync(this.fd, { bigint: true }).ino;
  }

  /** Another handle of the same namespace. */
  duplicate(): NetworkNamespace {
    return new NetworkNamespace(duplicate(this.fd));
  }

  /**
   * Runs `body` with this thread inside the namespace and comes back, also when `body` throws. Synchronous functions
   * only: whatever they leave to later (promises, callbacks, `listen` with a host name) would happen outside. A thread
   * that cannot come back ends the process, since everything it did from then on would happen in the wrong place.
   * Children spawned inside stay inside. Throws KernelError, TypeError for an asynchronous `body`.
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

  // False: the thread is there already, and a process without CAP_SYS_ADMIN may not even go where it is.
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
    // Twice is fine: the number may be another descriptor's by then.
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

// libuv starts all threads of its pool at the first use, and a thread inherits the namespace of the thread that starts
// it: were the first use inside `run`, every later file and DNS operation of the process would happen in there.
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
 * here shows in every mount namespace (containers, services with private mounts) and does not linger there.
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

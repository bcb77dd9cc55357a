// System calls of the C library, synchronous, through koffi. Each returns its result or throws a KernelError. Only this
// file loads libc. koffi reports errno only directly after a synchronous call, so `checked` reads it immediately.

import { constants } from 'node:fs';
import koffi from 'koffi';
import { errno, KernelError } from './errno.ts';

const libc = koffi.load('libc.so.6');

const c = {
  open: libc.func('int open(const char *path, int flags, uint32_t mode)'),
  close: libc.func('int close(int fd)'),
  fcntl: libc.func('int fcntl(int fd, int command, long argument)'),
  flock: libc.func('int flock(int fd, int operation)'),
  mmap: libc.func(
    'intptr_t mmap(void *address, size_t length, int protection, int flags, int fd, int64_t offset)',
  ),
  munmap: libc.func('int munmap(uintptr_t address, size_t length)'),
  sysconf: libc.func('long sysconf(int name)'),
  gettid: libc.func('int gettid()'),
  malloc_trim: libc.func('int malloc_trim(size_t keep)'),
  setns: libc.func('int setns(int fd, int type)'),
  unshare: libc.func('int unshare(int flags)'),
  mount: libc.func(
    'int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)',
  ),
  umount2: libc.func('int umount2(const char *target, int flags)'),
  socket: libc.func('int socket(int domain, int type, int protocol)'),
  bind: libc.func('int bind(int fd, const void *address, uint32_t length)'),
  setsockopt: libc.func(
    'int setsockopt(int fd, int level, int name, const void *value, uint32_t length)',
  ),
  getsockopt: libc.func(
    'int getsockopt(int fd, int level, int name, void *into, uint32_t *length)',
  ),
  send: libc.func('intptr_t send(int fd, const void *data, size_t length, int flags)'),
  recv: libc.func('intptr_t recv(int fd, void *into, size_t length, int flags)'),
  ioctl: libc.func('int ioctl(int fd, unsigned long request, long argument)'),
  syscall4: libc.func('long syscall(long number, int command, uintptr_t address, uint32_t size)'),
};

/** Flags of open(2). */
export const openFlags = {
  readOnly: 0,
  readWrite: 2,
  create: 0o100,
  /** For a FIFO: does not wait for its other end. */
  nonBlocking: 0o4000,
  closeOnExec: 0o2000000,
} as const;

/** O_NOFOLLOW; its number depends on the architecture. */
export const noFollow: number = constants.O_NOFOLLOW;

/** `mode` applies only with `create`. Throws KernelError. */
export function open(path: string, flags: number, mode = 0o600): number {
  return checked(c.open(path, flags | openFlags.closeOnExec, mode), 'open', path);
}

export function close(fd: number): void {
  checked(c.close(fd), 'close', `fd ${fd}`);
}

/** Returns another descriptor of the same open file, with close-on-exec. */
export function duplicate(fd: number): number {
  const duplicateCloseOnExec = 1030;
  return checked(c.fcntl(fd, duplicateCloseOnExec, 0), 'dup', `fd ${fd}`);
}

/**
 * Takes an exclusive lock on the open file, which is released with its last descriptor. False: another process has it.
 */
export function tryLock(fd: number): boolean {
  const exclusive = 2;
  const nonBlocking = 4;
  try {
    checked(c.flock(fd, exclusive | nonBlocking), 'flock', `fd ${fd}`);
    return true;
  } catch (error) {
    if (error instanceof KernelError && error.code === 'EAGAIN') return false;
    throw error;
  }
}

export interface MmapOptions {
  readonly fd: number;
  readonly length: number;
  /** A multiple of `pageSize()`. */
  readonly offset?: number;
  readonly writable?: boolean;
}

/**
 * Returns the address of a shared mapping. Unmap it with `munmap`, and never access a view of it afterwards: the
 * process would crash.
 */
export function mmap({ fd, length, offset = 0, writable = false }: MmapOptions): bigint {
  const protection = writable ? 3 : 1;
  const shared = 1;
  const address = c.mmap(null, length, protection, shared, fd, offset) as number | bigint;
  return BigInt(checked(address, 'mmap', `${length} bytes of fd ${fd}`));
}

export function munmap(address: bigint, length: number): void {
  checked(c.munmap(address, length), 'munmap', `${length} bytes`);
}

/** In bytes: 4096 on x86-64, up to 65536 on arm64. */
export function pageSize(): number {
  const nameOfPageSize = 30;
  return Number(c.sysconf(nameOfPageSize));
}

/** Id of the calling thread: /proc/self/task/GETTID shows the thread's own namespaces. */
export function gettid(): number {
  return c.gettid();
}

export const cloneFlags = {
  newNet: 0x40000000,
  newMount: 0x00020000,
  newCgroup: 0x02000000,
} as const;

/** Moves the calling thread into the namespace behind `fd`; `type` is one of `cloneFlags` (0: any). */
export function setns(fd: number, type: number): void {
  checked(c.setns(fd, type), 'setns', `fd ${fd}`);
}

/** Gives the calling thread new namespaces (`cloneFlags`). */
export function unshare(flags: number): void {
  checked(c.unshare(flags), 'unshare', `0x${flags.toString(16)}`);
}

export const mountFlags = {
  bind: 4096,
  recursive: 16384,
  private: 0x40000,
  shared: 0x100000,
} as const;

export interface MountOptions {
  readonly source: string;
  readonly target: string;
  readonly type?: string;
  readonly flags?: number;
  readonly data?: string;
}

export function mount({ source, target, type, flags = 0, data }: MountOptions): void {
  checked(c.mount(source, target, type ?? null, flags, data ?? null), 'mount', target);
}

/** Detaches lazily, so that a busy mount point is removed too. */
export function unmount(target: string): void {
  const detach = 2;
  checked(c.umount2(target, detach), 'umount', target);
}

/** With close-on-exec, and non-blocking unless `blocking`. */
export function socket(domain: number, type: number, protocol: number, blocking = false): number {
  const closeOnExec = 0o2000000;
  const flags = closeOnExec | (blocking ? 0 : 0o4000);
  return checked(c.socket(domain, type | flags, protocol), 'socket', `${domain}/${protocol}`);
}

/** `address` is a complete struct sockaddr_*. */
export function bind(fd: number, address: Uint8Array): void {
  checked(c.bind(fd, address, address.length), 'bind', `fd ${fd}`);
}

export function setsockopt(
  fd: number,
  option: { level: number; name: number; value: Uint8Array },
): void {
  const { level, name, value } = option;
  checked(
    c.setsockopt(fd, level, name, value, value.length),
    'setsockopt',
    `fd ${fd} ${level}/${name}`,
  );
}

/** Fills `into`, which has the size of the option. */
export function getsockopt(
  fd: number,
  option: { level: number; name: number; into: Uint8Array },
): void {
  const { level, name, into } = option;
  const length = Uint32Array.of(into.length);
  checked(c.getsockopt(fd, level, name, into, length), 'getsockopt', `fd ${fd} ${level}/${name}`);
}

/** Returns the number of bytes sent. */
export function send(fd: number, data: Uint8Array, flags = 0): number {
  return checked(Number(c.send(fd, data, data.length, flags)), 'send', `fd ${fd}`);
}

/** Returns the number of bytes received; undefined if a non-blocking socket has nothing to receive now. */
export function recv(fd: number, into: Uint8Array, flags = 0): number | undefined {
  return received(Number(c.recv(fd, into, into.length, flags)), fd);
}

/** Like `recv`, on a thread of libuv's pool, for the next part of a list that the kernel takes long to create. */
export function recvAsync(fd: number, into: Uint8Array, flags = 0): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    // As in `sendAsync`, this closure keeps `into` alive.
    c.recv.async(fd, into, into.length, flags, (_error: unknown, result: number | bigint) => {
      try {
        resolve(received(Number(result), fd));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function received(result: number, fd: number): number | undefined {
  if (result < 0 && koffi.errno() === errno['EAGAIN']) return undefined;
  return checked(result, 'recv', `fd ${fd}`);
}

/**
 * Sends on a thread of libuv's pool, for a message that the kernel takes long to process (RTM_DELLINK waits for RCU).
 * Resolves to the number of bytes sent. Rejects with KernelError.
 */
export function sendAsync(fd: number, data: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    // koffi does not keep the buffers of an asynchronous call alive: this closure keeps `data` until the call has
    // ended.
    c.send.async(fd, data, data.length, 0, (_error: unknown, result: number | bigint) => {
      try {
        resolve(checked(Number(result), 'send', `${data.length} bytes to fd ${fd}`));
      } catch (error) {
        reject(error);
      }
    });
  });
}

/** An ioctl(2) whose argument is a number (or none) and whose result is a descriptor or a number. */
export function ioctl(fd: number, request: number, argument = 0): number {
  return checked(c.ioctl(fd, request, argument), 'ioctl', `fd ${fd} 0x${request.toString(16)}`);
}

/** bpf(2) with its attribute union at `address`. Returns the result, or the negated errno. */
export function bpfSystemCall(command: number, address: bigint, size: number): number {
  const number = bpfNumbers[process.arch];
  if (number === undefined) {
    throw new KernelError({
      call: 'bpf',
      subject: '',
      code: 'ENOSYS',
      detail: `no system call number for ${process.arch}`,
    });
  }
  const result = Number(c.syscall4(number, command, address, size));
  return result < 0 ? -koffi.errno() : result;
}

// From the kernel's system call tables; arm64, riscv64 and loong64 share the generic one.
const bpfNumbers: Partial<Record<NodeJS.Architecture, number>> = {
  x64: 321,
  arm64: 280,
  riscv64: 280,
  loong64: 280,
  s390x: 351,
  ppc64: 361,
};

function checked<Result extends number | bigint>(
  result: Result,
  call: string,
  subject: string,
): Result {
  if (result < 0) throw new KernelError({ call, subject, code: koffi.errno() });
  return result;
}

/** Gives the kernel back what the C library's allocator holds and nobody uses (malloc_trim(3), glibc). */
export function releaseFreeMemory(): void {
  c.malloc_trim(0);
}

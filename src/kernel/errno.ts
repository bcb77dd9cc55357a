// The only error of this layer: a failed system call or kernel request, with its subject and errno.

import { constants } from 'node:os';

/**
 * A failed system call, bpf(2) command or netlink request. The text reads `call subject: CODE (detail)`, for example
 * `bpf map update addresses: E2BIG (the map is full: 65536 entries)`.
 */
export class KernelError extends Error {
  /** The operation: `open`, `bpf link create`, `route replace`. */
  readonly call: string;
  /** Name of the errno, `ENOENT`; `errno 999` for one without a name here. */
  readonly code: string;
  /** The object of the operation: a path, the name of a map, `192.0.2.0/24 via 198.51.100.1`. */
  readonly subject: string;
  /** Additional information: the kernel's own text (extack, verifier) or the usual reason. */
  readonly detail?: string;

  constructor(
    failure: { call: string; code: string | number; subject: string; detail?: string | undefined },
    options?: ErrorOptions,
  ) {
    const { call, subject, detail } = failure;
    const code = typeof failure.code === 'number' ? errnoName(failure.code) : failure.code;
    const tail = detail === undefined || detail === '' ? '' : ` (${detail})`;
    super(`${subject === '' ? call : `${call} ${subject}`}: ${code}${tail}`, options);
    this.name = 'KernelError';
    this.call = call;
    this.code = code;
    this.subject = subject;
    if (detail !== undefined) this.detail = detail;
  }
}

/** Whether it is a KernelError, with one of these codes if any are given. */
export function isKernelError(error: unknown, ...codes: string[]): error is KernelError {
  return error instanceof KernelError && (codes.length === 0 || codes.includes(error.code));
}

/** `ENOENT` for 2 (or -2). */
export function errnoName(errno: number): string {
  return names.get(Math.abs(errno)) ?? `errno ${Math.abs(errno)}`;
}

// Linux errnos (uapi asm-generic/errno.h) that Node.js does not list, and two that are internal to the kernel but
// visible.
const beyondNode = {
  EUCLEAN: 117,
  ENONET: 64,
  EREMOTEIO: 121,
  ESHUTDOWN: 108,
  EPFNOSUPPORT: 96,
  ESOCKTNOSUPPORT: 94,
  EHOSTDOWN: 112,
  ENOTUNIQ: 76,
  EBADFD: 77,
  ENOKEY: 126,
  EKEYREJECTED: 129,
  ERESTARTSYS: 512,
  ENOTSUPP: 524,
} as const;

/** Errno numbers by name, for code that compares results without throwing. */
export const errno: Readonly<Record<string, number>> = {
  ...constants.errno,
  ...beyondNode,
};

// EWOULDBLOCK and EOPNOTSUPP share numbers with EAGAIN and ENOTSUP. The map has one name each, as in the kernel.
const names = new Map<number, string>(
  Object.entries(errno)
    .filter(([name]) => name !== 'EWOULDBLOCK' && name !== 'ENOTSUP')
    .map(([name, value]) => [value, name]),
);

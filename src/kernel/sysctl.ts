// Kernel parameters under /proc/sys. Those under `net/` are the calling thread's network namespace's own: read and write
// them inside `NetworkNamespace.run` for another's.

import fs from 'node:fs';
import { KernelError } from './errno.ts';

/** A path below /proc/sys, `net/ipv4/ip_forward`: slashes, since interface names may hold dots. */
export type SysctlName = string;

/** Without the newline at its end. Equivalent to: `sysctl -n NAME`. Throws KernelError (ENOENT). */
export function readSysctl(name: SysctlName): string {
  return asKernelError('sysctl read', name, () => fs.readFileSync(path(name), 'utf8').trimEnd());
}

/** Equivalent to: `sysctl -w NAME=VALUE`. Throws KernelError (ENOENT; EINVAL: not a value; EROFS, EACCES: not allowed). */
export function writeSysctl(name: SysctlName, value: string | number): void {
  asKernelError('sysctl write', `${name} = ${value}`, () =>
    fs.writeFileSync(path(name), String(value), { flag: 'r+' }),
  );
}

function path(name: SysctlName): string {
  return `/proc/sys/${name}`;
}

function asKernelError<Result>(call: string, subject: string, body: () => Result): Result {
  try {
    return body();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error;
    throw new KernelError({ call, subject, code: String(error.code) }, { cause: error });
  }
}

// Kernel parameters under /proc/sys. Those under `net/` are the calling thread's network namespace's own: read and write
// them inside `NetworkNamespace.run` for another's.

import fs from 'node:fs';
import { fileCall } from './file-call.ts';

/** A path below /proc/sys, `net/ipv4/ip_forward`: slashes, since interface names may hold dots. */
export type SysctlName = string;

/** Without the newline at its end. Equivalent to: `sysctl -n NAME`. Throws KernelError (ENOENT). */
export function readSysctl(name: SysctlName): string {
  return fileCall('sysctl read', name, () => fs.readFileSync(path(name), 'utf8').trimEnd());
}

/** Equivalent to: `sysctl -w NAME=VALUE`. Throws KernelError (ENOENT; EINVAL: not a value; EROFS, EACCES: not allowed). */
export function writeSysctl(name: SysctlName, value: string | number): void {
  fileCall('sysctl write', `${name} = ${value}`, () =>
    fs.writeFileSync(path(name), String(value), { flag: 'r+' }),
  );
}

function path(name: SysctlName): string {
  return `/proc/sys/${name}`;
}

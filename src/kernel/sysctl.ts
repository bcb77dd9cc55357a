// Kernel parameters under /proc/sys. Those under `net/` are the calling thread's network namespace's own: read and write
// them inside `NetworkNamespace.run` for another's.

import fs from 'node:fs';
import { fileCall } from './file-call.ts';

// In a container that is not privileged /proc/sys cannot be written: what our manifests mount there can, and shows the
// calling thread's network namespace just the same.
const folder = fs.existsSync('/host/proc/sys/net') ? '/host/proc/sys' : '/proc/sys';

/** A path below /proc/sys, `net/ipv4/ip_forward`: slashes, since interface names may hold dots. */
export type SysctlName = string;

/** Without the newline at its end. Equivalent to: `sysctl -n NAME`. Throws KernelError (ENOENT). */
export function readSysctl(name: SysctlName): string {
  return fileCall('sysctl read', name, () => fs.readFileSync(sysctlFile(name), 'utf8').trimEnd());
}

/** Equivalent to: `sysctl -w NAME=VALUE`. Throws KernelError (ENOENT; EINVAL: not a value; EROFS, EACCES: not allowed). */
export function writeSysctl(name: SysctlName, value: string | number): void {
  fileCall('sysctl write', `${name} = ${value}`, () =>
    fs.writeFileSync(sysctlFile(name), String(value), { flag: 'r+' }),
  );
}

/** The file of a parameter, for a caller to whom the cost of a KernelError matters. */
export function sysctlFile(name: SysctlName): string {
  return `${folder}/${name}`;
}

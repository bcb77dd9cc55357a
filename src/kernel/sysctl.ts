// Kernel parameters under /proc/sys. Those under `net/` belong to the calling thread's network namespace; use
// `NetworkNamespace.run` to access another's.

import fs from 'node:fs';
import { fileCall } from './file-call.ts';

// In an unprivileged container /proc/sys is read-only. The path that heddle's manifests mount is writable and shows the
// calling thread's network namespace, too.
const folder = fs.existsSync('/host/proc/sys/net') ? '/host/proc/sys' : '/proc/sys';

/** A path below /proc/sys, `net/ipv4/ip_forward`, with slashes because interface names may contain dots. */
export type SysctlName = string;

/** Without the trailing newline. Equivalent to: `sysctl -n NAME`. Throws KernelError (ENOENT). */
export function readSysctl(name: SysctlName): string {
  return fileCall('sysctl read', name, () => fs.readFileSync(sysctlFile(name), 'utf8').trimEnd());
}

/** Equivalent to: `sysctl -w NAME=VALUE`. Throws KernelError (ENOENT; EINVAL: not a value; EROFS, EACCES: not allowed). */
export function writeSysctl(name: SysctlName, value: string | number): void {
  fileCall('sysctl write', `${name} = ${value}`, () =>
    fs.writeFileSync(sysctlFile(name), String(value), { flag: 'r+' }),
  );
}

/** The file of a parameter, for callers for which a KernelError would be too expensive. */
export function sysctlFile(name: SysctlName): string {
  return `${folder}/${name}`;
}

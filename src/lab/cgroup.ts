// Cgroups (version 2) of a lab: a folder for the lab, one per node, one per pod. They show which process belongs to
// what (socket hooks attach to them) and let `lab down` find every process of a lab without a supervisor.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';

/**
 * Mount point of the cgroup v2 tree: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` if v1 is mounted too (cgroups(7)).
 */
export function cgroupMount(mounts: string = readFileSync('/proc/self/mounts', 'utf8')): string {
  for (const line of mounts.split('\n')) {
    const [, directory, type] = line.split(' ');
    if (type === 'cgroup2' && directory !== undefined) return directory;
  }
  throw new Error(
    'no cgroup v2 file system is mounted: mount -t cgroup2 none /sys/fs/cgroup/unified',
  );
}

export function makeCgroup(path: string): void {
  mkdirSync(path, { recursive: true });
}

/** All process ids in `path` and below. */
export function cgroupProcesses(path: string): readonly number[] {
  return folders(path).flatMap(processesOf);
}

/**
 * Sends SIGKILL to all processes of the tree, repeatedly until the tree is empty, so that processes forked meanwhile
 * are included.
 */
export async function killCgroup(path: string): Promise<void> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    if (!isPopulated(path)) return;
    const processes = cgroupProcesses(path);
    if (Date.now() > deadline) {
      throw new Error(`cgroup ${path}: processes ${processes.join(', ')} do not end`);
    }
    for (const pid of processes) kill(pid);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Removes the folder and everything below it. Its processes must have ended. A missing folder is not an error. */
export function removeCgroup(path: string): void {
  for (const folder of folders(path).reverse()) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
    }
  }
}

/**
 * Whether the tree has processes. A dying process counts, although cgroup.procs no longer lists it, because rmdir
 * counts it too.
 */
function isPopulated(path: string): boolean {
  try {
    return readFileSync(join(path, 'cgroup.events'), 'utf8').includes('populated 1');
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENODEV')) return false;
    throw error;
  }
}

// Parents first.
function folders(path: string): string[] {
  if (!existsSync(path)) return [];
  const below = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return [path, ...below.flatMap((entry) => folders(join(path, entry.name)))];
}

function processesOf(folder: string): number[] {
  try {
    const text = readFileSync(join(folder, 'cgroup.procs'), 'utf8');
    return text.split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (isCode(error, 'ENOENT', 'ENODEV')) return [];
    throw error;
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (!isCode(error, 'ESRCH')) throw error;
  }
}

function isCode(error: unknown, ...codes: readonly string[]): boolean {
  return codes.includes(errorCode(error) ?? '');
}

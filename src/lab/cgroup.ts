// Cgroups (version 2) of a lab: one folder for the lab, one for each node, one for each pod. They tell what belongs to
// whom (socket hooks attach to them) and let `lab down` find every process of a lab whose supervisor is gone.

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../base/errors.ts';

/** The mount point of the cgroup v2 tree: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` beside v1 (cgroups(7)). */
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

/** Every process id in `path` and below. */
export function cgroupProcesses(path: string): readonly number[] {
  return folders(path).flatMap(processesOf);
}

/** SIGKILL to all processes of the tree; forks in between are caught because it asks again until the tree is empty. */
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

/** Removes the folder with all below it; its processes must have ended. Missing is fine. */
export function removeCgroup(path: string): void {
  for (const folder of folders(path).reverse()) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error;
    }
  }
}

/** Of the whole tree. A process that is still dying counts, though cgroup.procs no longer lists it: rmdir counts it too. */
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

// Removes a lab by its name alone. This works after a crash, too, when no process of the lab is left.

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { cgroupMount, killCgroup, removeCgroup } from './cgroup.ts';
import { labPaths } from './paths.ts';
import { isAlive, type ProcessIdentity, readLabRecord } from './record.ts';

const stopTimeoutMs = 20_000;

/** Asks the lab's supervisor to end, then removes what is left. Returns false if there was no such lab. */
export async function removeLab(name: string): Promise<boolean> {
  const { directory, pins, cgroupName, log } = labPaths(name);
  const cgroup = join(cgroupMount(), cgroupName);
  if (![directory, pins, cgroup].some(existsSync)) return false;
  const supervisor = readLabRecord(name)?.supervisor;
  if (supervisor !== undefined && supervisor.pid !== process.pid) await stopSupervisor(supervisor);
  await removeParts(name);
  rmSync(log, { force: true });
  return true;
}

/** Removes everything that a lab creates except its log. Missing parts are not an error. */
export async function removeParts(name: string): Promise<void> {
  const { directory, namespaces } = labPaths(name);
  await removeShared(name);
  if (!existsSync(directory)) return;
  if (existsSync(namespaces)) {
    for (const file of readdirSync(namespaces)) NetworkNamespace.remove(join(namespaces, file));
  }
  // The name is free immediately, and a new lab of this name does not see what is still being deleted.
  const condemned = join(dirname(directory), `.${name}.removed.${process.pid}`);
  renameSync(directory, condemned);
  rmSync(condemned, { recursive: true, force: true });
}

/** Removes the parts outside the lab's folder: processes, cgroups and pins. */
export async function removeShared(name: string): Promise<void> {
  const { pins, cgroupName } = labPaths(name);
  const cgroup = join(cgroupMount(), cgroupName);
  await killCgroup(cgroup);
  removeCgroup(cgroup);
  rmSync(pins, { recursive: true, force: true });
}

async function stopSupervisor(supervisor: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + stopTimeoutMs;
  if (isAlive(supervisor)) process.kill(supervisor.pid, 'SIGTERM');
  while (isAlive(supervisor)) {
    if (Date.now() > deadline) process.kill(supervisor.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

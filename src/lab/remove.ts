// Removes a lab by its name alone: it works the same after a crash, when no process of the lab is left to ask.

import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NetworkNamespace } from '../kernel/namespace.ts';
import { cgroupMount, killCgroup, removeCgroup } from './cgroup.ts';
import { labPaths } from './paths.ts';
import { isAlive, type ProcessIdentity, readRecord } from './record.ts';

const stopTimeoutMs = 20_000;

/** Asks the lab's supervisor to end, removes what is left then; false when there was no such lab. */
export async function removeLab(name: string): Promise<boolean> {
  const { directory, pins, cgroupName } = labPaths(name);
  const cgroup = join(cgroupMount(), cgroupName);
  if (![directory, pins, cgroup].some(existsSync)) return false;
  const supervisor = readRecord(name)?.supervisor;
  if (supervisor !== undefined && supervisor.pid !== process.pid) await stopSupervisor(supervisor);
  await removeParts(name);
  return true;
}

/** All that a lab ever makes; each kind by the one place that the lab's name stands for. Missing is fine. */
export async function removeParts(name: string): Promise<void> {
  const { directory, namespaces, pins, cgroupName, log } = labPaths(name);
  const cgroup = join(cgroupMount(), cgroupName);
  await killCgroup(cgroup);
  if (existsSync(namespaces)) {
    for (const file of readdirSync(namespaces)) NetworkNamespace.remove(join(namespaces, file));
  }
  rmSync(pins, { recursive: true, force: true });
  removeCgroup(cgroup);
  rmSync(log, { force: true });
  rmSync(directory, { recursive: true, force: true });
}

async function stopSupervisor(supervisor: ProcessIdentity): Promise<void> {
  const deadline = Date.now() + stopTimeoutMs;
  if (isAlive(supervisor)) process.kill(supervisor.pid, 'SIGTERM');
  while (isAlive(supervisor)) {
    if (Date.now() > deadline) process.kill(supervisor.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

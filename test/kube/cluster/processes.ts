// A cluster's daemons: each runs in its namespace and cgroup, with its own log. Another process finds it by its file
// below `processes`, and ends it by its process id.

import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isAlive, type ProcessIdentity, processIdentity } from '../../../src/lab/record.ts';
import { type LabPlace, spawnInPlace } from '../../../src/lab/spawn.ts';
import type { ClusterPaths } from './paths.ts';

const stopTimeoutMs = 10_000;

export interface Daemon {
  /** Also the log's name. */
  readonly name: string;
  readonly place: LabPlace;
  readonly command: readonly string[];
}

/** Starts it in the background. It outlives this process. */
export function startDaemon(
  paths: ClusterPaths,
  { name, place, command }: Daemon,
): ProcessIdentity {
  mkdirSync(paths.logs, { recursive: true });
  mkdirSync(paths.processes, { recursive: true });
  const log = openSync(logPath(paths, name), 'a');
  const child = spawnInPlace(place, command, { stdio: ['ignore', log, log], detached: true });
  closeSync(log);
  child.unref();
  if (child.pid === undefined) throw new Error(`${name}: ${command[0]} could not be started`);
  const identity = processIdentity(child.pid);
  writeFileSync(processFile(paths, name), JSON.stringify(identity));
  return identity;
}

/** Sends SIGTERM, after 10 s SIGKILL; returns when it has ended. It need not be running. */
export async function stopDaemon(
  paths: ClusterPaths,
  name: string,
  signal: NodeJS.Signals = 'SIGTERM',
): Promise<void> {
  const identity = daemonIdentity(paths, name);
  rmSync(processFile(paths, name), { force: true });
  if (identity === undefined || !isAlive(identity)) return;
  process.kill(identity.pid, signal);
  const deadline = Date.now() + stopTimeoutMs;
  while (isAlive(identity)) {
    if (Date.now() > deadline) process.kill(identity.pid, 'SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The identity of a daemon that was started and not stopped; it may have ended by itself. */
export function daemonIdentity(paths: ClusterPaths, name: string): ProcessIdentity | undefined {
  const file = processFile(paths, name);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, 'utf8')) as ProcessIdentity;
}

export function isRunning(paths: ClusterPaths, name: string): boolean {
  const identity = daemonIdentity(paths, name);
  return identity !== undefined && isAlive(identity);
}

/** Throws an Error with the end of its log if a daemon that should run does not. */
export function assertRunning(paths: ClusterPaths, ...names: readonly string[]): void {
  for (const name of names) {
    if (isRunning(paths, name)) continue;
    throw new Error(`${name} ended. The end of ${logPath(paths, name)}:\n${logTail(paths, name)}`);
  }
}

export function logTail(paths: ClusterPaths, name: string, lines = 10): string {
  const path = logPath(paths, name);
  if (!existsSync(path)) return '(no log)';
  return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
}

function logPath(paths: ClusterPaths, name: string): string {
  return join(paths.logs, `${name}.log`);
}

function processFile(paths: ClusterPaths, name: string): string {
  return join(paths.processes, `${name}.json`);
}

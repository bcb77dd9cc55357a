// lab.json: what a lab consists of, written by its supervisor after every change and read by every `heddle lab` command.

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { errorCode } from '../base/errors.ts';
import { InputError } from '../base/input-error.ts';
import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import { labPaths, labsDirectory } from './paths.ts';

export type LabMode = 'native' | 'vxlan';

export interface LabNodeRecord {
  readonly name: string;
  readonly addresses: readonly Address[];
  readonly podCidrs: readonly Prefix[];
  readonly namespacePath: string;
  readonly cgroup: string;
  readonly socket: string;
  readonly config: string;
  readonly conflist: string;
  readonly log: string;
  readonly pins: string;
  readonly agent: {
    readonly state: 'starting' | 'ready' | 'down';
    readonly pid?: number | undefined;
    readonly restarts: number;
    readonly readyAfterMs?: number | undefined;
  };
}

export interface PodRecord {
  readonly namespace: string;
  readonly name: string;
  readonly node: string;
  readonly containerId: string;
  readonly namespacePath: string;
  readonly cgroup: string;
  readonly addresses: readonly Address[];
  readonly log: string;
  readonly state: 'starting' | 'running' | 'waiting';
  readonly pid?: number | undefined;
  /** Why it is not running. */
  readonly problem?: string | undefined;
  readonly echo: boolean;
}

/** Stable: `heddle lab status -o json` prints it as it is. */
export interface LabRecord {
  readonly name: string;
  readonly mode: LabMode;
  /** The manifests' FILE or DIR. */
  readonly source: string;
  readonly createdAt: string;
  readonly state: 'starting' | 'up' | 'stopping';
  readonly supervisor: ProcessIdentity;
  readonly switchNamespace: string;
  readonly world: {
    readonly namespacePath: string;
    readonly cgroup: string;
    readonly addresses: readonly Address[];
  };
  readonly nodes: readonly LabNodeRecord[];
  readonly pods: readonly PodRecord[];
  readonly problems: readonly string[];
  /** Things that happened, oldest first, the last 50: `agent of node-1 ended by SIGKILL: restarted`. */
  readonly notes: readonly { readonly time: string; readonly text: string }[];
}

/** A process that no other can be mistaken for, even when its id is used again. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (proc(5), stat field 22). */
  readonly startTicks: number;
}

export function processIdentity(pid: number = process.pid): ProcessIdentity {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the command's name, may hold spaces and brackets.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { pid, startTicks: Number(fields[19]) };
}

export function isAlive(identity: ProcessIdentity): boolean {
  try {
    return processIdentity(identity.pid).startTicks === identity.startTicks;
  } catch {
    return false;
  }
}

export function writeLabRecord(record: LabRecord): void {
  const { record: path } = labPaths(record.name);
  writeFileSync(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`);
  renameSync(`${path}.new`, path);
}

/** Takes the lab's name by making its folder, record included, at once; false when the folder is there already. */
export function claimLab(record: LabRecord): boolean {
  const { directory } = labPaths(record.name);
  const draft = join(labsDirectory, `.${record.name}.${process.pid}`);
  mkdirSync(join(draft, 'pods'), { recursive: true });
  writeFileSync(join(draft, basename(labPaths(record.name).record)), JSON.stringify(record));
  try {
    renameSync(draft, directory);
    return true;
  } catch (error) {
    rmSync(draft, { recursive: true });
    if (errorCode(error) === 'ENOTEMPTY') return false;
    throw error;
  }
}

/** Undefined when there is no lab of this name, or one that ended before its first record. */
export function readLabRecord(name: string): LabRecord | undefined {
  const { record } = labPaths(name);
  if (!existsSync(record)) return undefined;
  return JSON.parse(readFileSync(record, 'utf8')) as LabRecord;
}

/** The names of all labs of this machine, also those whose supervisor is gone. */
export function labNames(): readonly string[] {
  if (!existsSync(labsDirectory)) return [];
  return readdirSync(labsDirectory)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/** The lab a command means: the named one, or the only one. Throws InputError when there is none or a choice. */
export function chooseLab(name: string | undefined): LabRecord {
  const names = labNames();
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  const record = chosen === undefined ? undefined : readLabRecord(chosen);
  if (record !== undefined) return record;
  const known =
    names.length === 0 ? 'no lab is up: heddle lab up FILE' : `labs: ${names.join(', ')}`;
  const rule = name === undefined ? 'is needed to choose a lab' : 'is no lab here';
  throw new InputError({ object: '--name', value: name, rule: `${rule} (${known})` });
}

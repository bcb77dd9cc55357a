// lab.json: the parts of a lab, written by its supervisor after every change and read by every `heddle lab` command.

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
import { replaceFile } from '../base/replace-file.ts';
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
  /** Why the pod is not running. */
  readonly problem?: string | undefined;
  readonly echo: boolean;
}

/** A stable format: `heddle lab status -o json` prints it unchanged. */
export interface LabRecord {
  readonly name: string;
  readonly mode: LabMode;
  /** FILE or DIR of the manifests. */
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
  /** The last 50 events, oldest first: `agent of node-1 ended by SIGKILL: restarted`. */
  readonly notes: readonly { readonly time: string; readonly text: string }[];
}

/** Identifies a process even if its id is reused. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (proc(5), stat field 22). */
  readonly startTicks: number;
}

export function processIdentity(pid: number = process.pid): ProcessIdentity {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The second field, the command's name, may contain spaces and parentheses.
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
  replaceFile(path, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o644 });
}

/** Claims the lab's name by atomically creating its folder with the record; false if the folder exists. */
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

/** Undefined if there is no lab of this name, or it ended before its first record. */
export function readLabRecord(name: string): LabRecord | undefined {
  const { record } = labPaths(name);
  if (!existsSync(record)) return undefined;
  return JSON.parse(readFileSync(record, 'utf8')) as LabRecord;
}

/** Names of all labs on this machine, including those without a supervisor. */
export function labNames(): readonly string[] {
  if (!existsSync(labsDirectory)) return [];
  return readdirSync(labsDirectory)
    .filter((name) => !name.startsWith('.'))
    .sort();
}

/** The lab with the given name, or the only one. Throws InputError if there is none or the choice is ambiguous. */
export function chooseLab(name: string | undefined): LabRecord {
  const names = labNames();
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  const record = chosen === undefined ? undefined : readLabRecord(chosen);
  if (record !== undefined) return record;
  const known =
    names.length === 0 ? 'no lab is up: heddle lab up FILE' : `labs: ${names.join(', ')}`;
  const rule = name === undefined ? 'is required to choose a lab' : 'is not a lab here';
  throw new InputError({ object: '--name', value: name, rule: `${rule} (${known})` });
}

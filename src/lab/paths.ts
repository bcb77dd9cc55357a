// Where a lab keeps everything it has: all of it derives from the lab's name, so that `lab down` can remove a lab whose
// supervisor was killed, and so that two labs never meet.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../base/input-error.ts';

export const labsDirectory = '/run/heddle/labs';
const bpfFileSystem = '/sys/fs/bpf';

export interface LabPaths {
  /** Holds all the rest; made first and removed last. */
  readonly directory: string;
  readonly record: string;
  /** The supervisor's, beside the folder: it is written before the folder is made. */
  readonly log: string;
  /** Bind mounts of network namespaces, one file each. */
  readonly namespaces: string;
  /** The manifests as the agents read them: the user's files, with nodes and addresses filled in. */
  readonly cluster: string;
  readonly pins: string;
  /** The folder's name below the cgroup v2 mount. */
  readonly cgroupName: string;
}

export interface NodePaths {
  readonly directory: string;
  readonly namespace: string;
  readonly config: string;
  readonly conflist: string;
  readonly state: string;
  readonly socket: string;
  readonly log: string;
  readonly pins: string;
}

/** Throws InputError unless `name` can be part of paths and of a socket's path (108 bytes). */
export function parseLabName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$/.test(name)) return name;
  throw new InputError({
    object: 'lab name',
    value: name,
    rule: 'is not 1 to 24 small letters, digits and inner hyphens',
  });
}

export function labPaths(name: string): LabPaths {
  const directory = join(labsDirectory, name);
  return {
    directory,
    record: join(directory, 'lab.json'),
    log: join(directory, '..', '..', `lab-${name}.log`),
    namespaces: join(directory, 'netns'),
    cluster: join(directory, 'cluster'),
    pins: join(bpfFileSystem, `heddle-lab-${name}`),
    cgroupName: `heddle-lab-${name}`,
  };
}

export function nodePaths(lab: LabPaths, node: string): NodePaths {
  const directory = join(lab.directory, 'nodes', shortened(node));
  return {
    directory,
    namespace: labNamespacePath(lab, 'node', node),
    config: join(directory, 'agent.yaml'),
    conflist: join(directory, 'net.d', '05-heddle.conflist'),
    state: join(directory, 'state'),
    socket: join(directory, 'agent.sock'),
    log: join(directory, 'agent.log'),
    // The BPF file system refuses dots.
    pins: join(lab.pins, node.replaceAll('.', ':')),
  };
}

export type NamespaceKind = 'switch' | 'world' | 'node' | 'pod';

export function labNamespacePath(lab: LabPaths, kind: NamespaceKind, name = ''): string {
  const file = name === '' ? kind : `${kind}-${name.replaceAll('/', '.')}`;
  return join(lab.namespaces, file);
}

/** The command line that runs this build's `heddle` program. */
export function heddleCommand(): readonly string[] {
  return [process.execPath, join(buildDirectory(), 'src/cli/main.js')];
}

/** One of the lab's own small programs (`echo`, `prober`), as a command line. */
export function labProgram(name: string): readonly string[] {
  return [process.execPath, join(buildDirectory(), `src/lab/programs/${name}.js`)];
}

export function shimPath(): string {
  return join(buildDirectory(), 'shim/heddle-cni');
}

// dist/src/lab/paths.js -> dist
function buildDirectory(): string {
  const directory = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
  if (existsSync(join(directory, 'src/lab'))) return directory;
  throw new Error(`${directory} is not a build of heddle: run npm run build`);
}

function shortened(name: string): string {
  if (name.length <= 32) return name;
  return `${name.slice(0, 20)}-${createHash('sha256').update(name).digest('hex').slice(0, 11)}`;
}

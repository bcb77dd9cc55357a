// Paths and names of everything that a lab creates. All are derived from the lab's name, so that `lab down` can remove
// a lab whose supervisor was killed and two labs never collide.

import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InputError } from '../base/input-error.ts';
import { configurationName } from '../cni/install.ts';

export const labsDirectory = '/run/heddle/labs';
const bpfFileSystem = '/sys/fs/bpf';

export interface LabPaths {
  /** Contains everything else. Created first and removed last. */
  readonly directory: string;
  readonly record: string;
  /** Log of the supervisor. It is outside the folder because it is written before the folder exists. */
  readonly log: string;
  /** Folder with bind mounts of network namespaces, one file each. */
  readonly namespaces: string;
  /** The manifests that the agents read: the user's files with nodes and addresses filled in. */
  readonly cluster: string;
  readonly pins: string;
  /** Name of the folder below the cgroup v2 mount. */
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

/** Throws InputError unless `name` can be part of paths, including a socket's path (108 bytes). */
export function parseLabName(name: string): string {
  if (/^[a-z0-9]([a-z0-9-]{0,22}[a-z0-9])?$/.test(name)) return name;
  throw new InputError({
    object: 'lab name',
    value: name,
    rule: 'is not a name of 1 to 24 lower-case letters, digits and inner hyphens',
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
    conflist: join(directory, 'net.d', configurationName),
    state: join(directory, 'state'),
    socket: join(directory, 'agent.sock'),
    log: join(directory, 'agent.log'),
    // The BPF file system does not allow dots.
    pins: join(lab.pins, node.replaceAll('.', ':')),
  };
}

export type NamespaceKind = 'switch' | 'world' | 'node' | 'pod';

export function labNamespacePath(lab: LabPaths, kind: NamespaceKind, name = ''): string {
  const file = name === '' ? kind : `${kind}-${name.replaceAll('/', '.')}`;
  return join(lab.namespaces, file);
}

/** Command line of this build's `heddle` program. */
export function heddleCommand(): readonly string[] {
  return [process.execPath, join(buildDirectory(), 'src/cli/main.js')];
}

/** Command line of one of the lab's own programs (`echo`, `prober`). */
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

// Where everything that outlives the agent is pinned in the bpf file system: maps, programs by object hash, tcx links.

import { mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { Hook } from './tables/attacher.ts';

export interface PinPaths {
  readonly root: string;
  map(name: string): string;
  /** Folder of one load's programs. */
  programs(objectHash: string): string;
  readonly allPrograms: string;
  readonly links: string;
}

/** Makes the folders; the bpf file system itself must be mounted. */
export function pinPaths(root: string): PinPaths {
  const paths = describePins(root);
  for (const folder of [join(root, 'maps'), paths.allPrograms, paths.links]) {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
  return paths;
}

/** Only names them. */
export function describePins(root: string): PinPaths {
  return {
    root,
    map: (name) => join(root, 'maps', name),
    programs: (objectHash) => join(root, 'programs', objectHash),
    allPrograms: join(root, 'programs'),
    links: join(root, 'links'),
  };
}

/** A link's file name. The bpf file system refuses dots; interface names may have them, and may not have colons. */
export function linkPinName(ifName: string, hook: Hook): string {
  return `${ifName.replaceAll('.', ':')}-${hook}`;
}

/** Undefined for a name that `linkPinName` does not make. */
export function parseLinkPinName(name: string): { ifName: string; hook: Hook } | undefined {
  const dash = name.lastIndexOf('-');
  const hook = hooks.find((candidate) => candidate === name.slice(dash + 1));
  if (dash < 1 || hook === undefined) return undefined;
  return { ifName: name.slice(0, dash).replaceAll(':', '.'), hook };
}

const hooks: readonly Hook[] = ['from_pod', 'to_pod', 'from_network', 'from_overlay', 'to_overlay'];

/** File names in a pin folder; none when there is no such folder. */
export function pinNames(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw error;
  }
}

/** What is already gone counts as done. True: it was there. */
export function unpin(path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

/** Takes a folder of pins away with all that is pinned in it; how many pins that were. */
export function unpinFolder(folder: string): number {
  const names = pinNames(folder);
  for (const name of names) unpin(join(folder, name));
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  return names.length;
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
